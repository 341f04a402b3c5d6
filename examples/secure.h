/* secure.h - TLS for a listener; also where lwt is built without it.
 * SPDX-License-Identifier: ISC
 */
#ifndef SECURE_H
#define SECURE_H

#include <lwt/stack.h>

/* A listener whose connections speak TLS, over below, which it takes (it is closed
 * if this fails), with cert.pem (the chain) and key.pem of the directory dir.
 * Without TLS: LWT_ENOSYS.  The value is a struct lwt_listener *. */
lwt_t *secure_listen(struct lwt_listener *below, const char *dir) LWT_MUST_USE;

/* Free the keys, when nobody uses such a listener's connections any more. */
void secure_done(void);

#endif
