/* arch/cc.h - what lwIP wants to know of the compiler: nothing.
 * SPDX-License-Identifier: ISC
 */
#ifndef LWIP_ARCH_CC_H
#define LWIP_ARCH_CC_H

#include <stdlib.h>

#define LWIP_RAND() ((u32_t)rand())

#endif
