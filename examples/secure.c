/* secure.c - secure.h with lwt-tls: read the keys, make the listener.
 * SPDX-License-Identifier: ISC
 */
#include "secure.h"

#include <lwt-tls.h>
#include <lwt/platform.h>

enum { FILE_MAX = 64 << 10, SESSIONS = 64 << 10 };

static struct lwt_tls_identity *identity;
static struct lwt_tls_sessions *sessions;

struct file {
  struct lwt_frame frame;
  struct lwt_content *content;
  const char *name;
  struct lwt_entry *entry;
  struct lwt_buf *chain, *part;
};

static void file_close(void *file)
{
  struct file *f = file;

  f->content->ops->close(f->content, f->entry);
}

static void drop_buf(void *chain)
{
  lwt_buf_free(chain);
}

static void file_drop(void *file)
{
  lwt_buf_free(((struct file *)file)->chain);
}

/* A small file's bytes, whose room is one byte more, as a packet of one slice. */
LWT_STEP file_step(struct lwt_frame *frame)
{
  struct file *f = (struct file *)frame;

  lwt_begin(f);
  lwt_await(f, &f->entry, f->content->ops->open(f->content, f->name));
  lwt_defer(f, file_close, f);
  if (f->entry->size == 0 || f->entry->size > FILE_MAX)
    lwt_throw(f, LWT_EFBIG, f->name);
  lwt_defer(f, file_drop, f);
  do {
    lwt_await(f, &f->part,
              f->content->ops->read(f->content, f->entry, f->chain ? f->chain->total : 0,
                                    FILE_MAX));
    if (!f->part)
      lwt_throw(f, LWT_ENODATA, f->name);
    if (f->chain)
      lwt_buf_append(f->chain, f->part);
    else
      f->chain = f->part;
  } while (f->chain->total < f->entry->size);
  f->part = f->chain;
  f->chain = NULL;
  lwt_finish_owned(f, f->part, drop_buf);
  lwt_end(f);
}

struct secure {
  struct lwt_frame frame;
  struct lwt_listener *below, *listener;
  const char *dir;
  struct lwt_content *content;
  struct lwt_buf *chain, *key;
  int error;
};

static void below_close(void *secure)
{
  struct secure *s = secure;

  if (s->below)
    lwt_listener_close(s->below);
  lwt_buf_free(s->chain);
  lwt_buf_free(s->key);
}

static lwt_t *content_free(void *content)
{
  return ((struct lwt_content *)content)->ops->free(content);
}

static int make_identity(const struct lwt_buf *chain, const struct lwt_buf *key)
{
  static char text[2][FILE_MAX];

  lwt_buf_copy_out(chain, 0, text[0], chain->total);
  lwt_buf_copy_out(key, 0, text[1], key->total);
  return lwt_tls_identity_new(text[0], chain->total, text[1], key->total, &identity);
}

LWT_STEP secure_step(struct lwt_frame *frame)
{
  struct secure *s = (struct secure *)frame;
  struct lwt_tls_config config = { .random = lwt_platform_random };

  lwt_begin(s);
  lwt_defer(s, below_close, s);
  s->error = lwt_platform_content(s->dir, &s->content);
  if (s->error)
    lwt_throw(s, s->error, s->dir);
  lwt_defer(s, content_free, s->content);
  lwt_await(s, &s->chain,
            LWT_GO(struct file, file_step, .content = s->content, .name = "cert.pem"));
  lwt_await(s, &s->key,
            LWT_GO(struct file, file_step, .content = s->content, .name = "key.pem"));
  s->error = make_identity(s->chain, s->key);
  if (!s->error)
    s->error = lwt_tls_sessions_new(SESSIONS, &sessions);
  if (s->error)
    lwt_throw(s, s->error, "cert.pem, key.pem");
  config.identity = identity;
  config.sessions = sessions;
  s->error = lwt_tls_listen(s->below, &config, 0, NULL, &s->listener);
  if (s->error)
    lwt_throw(s, s->error, "lwt_tls_listen");
  s->below = NULL;
  lwt_finish_owned(s, s->listener, lwt_listener_close);
  lwt_end(s);
}

lwt_t *secure_listen(struct lwt_listener *below, const char *dir)
{
  return LWT_GO(struct secure, secure_step, .below = below, .dir = dir);
}

void secure_done(void)
{
  lwt_tls_identity_free(identity);
  lwt_tls_sessions_free(sessions);
  identity = NULL;
  sessions = NULL;
}
