/* lwip-files.h - what lwIP's httpd serves in lwip-tap.c, for its fs.c.
 * SPDX-License-Identifier: ISC
 */
#include <lwip/apps/fs.h>

extern struct fsdata_file lwip_files;
#define FS_ROOT (&lwip_files)
#define FS_NUMFILES 2
