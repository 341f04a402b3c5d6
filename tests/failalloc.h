/* failalloc.h - old names of lwt/test.h.
 * SPDX-License-Identifier: ISC
 */
#include "tap.h"
#define failalloc_init lwt_test_memory
#define failalloc_arm lwt_test_fail
#define failalloc_each lwt_test_each_allocation
#define failalloc_result lwt_test_result
#define leaked lost
#define failalloc lwt_test_counted()
