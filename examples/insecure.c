/* insecure.c - secure.h without TLS.
 * SPDX-License-Identifier: ISC
 */
#include "secure.h"

lwt_t *secure_listen(struct lwt_listener *below, const char *dir)
{
  (void)dir;
  lwt_listener_close(below);
  return lwt_fail(LWT_ENOSYS, "secure_listen");
}

void secure_done(void)
{
}
