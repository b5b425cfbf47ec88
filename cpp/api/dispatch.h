// Which instruction set runs.
#pragma once

#include "kernels/table.h"

namespace sprat {

int isa_count();
const KernelTable* isa_table(int index);        // weakest first
const KernelTable* find_isa(const char* name);  // nullptr: not in this build
bool isa_supported(const KernelTable* table);   // by this CPU
void use_isa(const KernelTable* table);

}  // namespace sprat
