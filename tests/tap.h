/* tap.h - old names of lwt/test.h.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <string.h>
#define tap_done lwt_test_done
#define tap_muted lwt_test_muted()
