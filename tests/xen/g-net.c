/* g-net.c - HTTP over our TCP/IP over netfront, for dom0 to try; a device that is
 * lost is opened anew.  If there is a second argument, it is a disk that is written and
 * read meanwhile, all the time.
 * SPDX-License-Identifier: ISC
 *
 *   /bytes?N     N bytes that are nowhere the same
 *   /fetch?FILE  how many bytes dom0's own server has sent, and their CRC-32
 *   /stats       counters
 *   /dump        what the stack knows: lwt_net_dump()
 *
 * The console has a line for each transfer, and at the end what the device did.
 */
#include "heap.h"
#include "storm.h"

#include <inttypes.h>
#include <lwt-http.h>
#include <lwt-ip.h>
#include <lwt-net.h>
#include <lwt/sync.h>
#include <unistd.h>

static struct lwt_stack *stack;
static struct lwt_condition changed;
static unsigned lost;
static struct storm storm = { .pause = LWT_MS(20) };

/* ---- CRC-32, as dom0's crc32 ---------------------------------------------- */

static uint32_t crc_table[256];

static void crc_init(void)
{
  for (uint32_t i = 0, k, c; i < 256; crc_table[i++] = c)
    for (c = i, k = 0; k < 8; k++)
      c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
}

static uint32_t crc_of(uint32_t crc, const struct lwt_buf *b)
{
  for (; b; b = b->next)
    for (uint32_t i = 0; i < b->len; i++)
      crc = crc_table[(crc ^ b->data[i]) & 255] ^ crc >> 8;
  return crc;
}

/* ---- What it says of itself -------------------------------------------------- */

static void dump_text(char *text, size_t size)
{
  FILE *out = fmemopen(text, size, "w");

  text[0] = 0;
  if (out) {
    lwt_net_dump(stack, out);
    fclose(out);
  }
  text[size - 1] = 0;
}

static int stats_text(char *text, size_t size)
{
  const struct lwt_net_stats *t = lwt_net_stats(stack);
  struct lwt_xen_netif_stats s = { .connects = 0 };
  static char dump[16384];
  struct lwt_xen_counts counts;
  unsigned connections = 0, half_open = 0, waits = 0;
  const char *tcp;

  dump_text(dump, sizeof dump);
  tcp = strstr(dump, "tcp: ");
  if (tcp)
    sscanf(tcp, "tcp: %u connections, %u half open, %u waiting", &connections, &half_open,
           &waits);
  lwt_xen_netif_stats(0, &s);
  lwt_xen_counts(&counts);
  return snprintf(
    text, size,
    "connects %" PRIu64 " rx %" PRIu64 " tx %" PRIu64 " rx_dropped %" PRIu64
    " rx_errors %" PRIu64 " tx_dropped %" PRIu64 " tx_errors %" PRIu64 "\n"
    "tx_csum %" PRIu64 " tx_gso %" PRIu64 " rx_csum %" PRIu64 " rx_gso %" PRIu64
    " events %" PRIu64 " idle %" PRIu64 " notifies %" PRIu64 "\n"
    "retransmits %" PRIu64 " rto %" PRIu64 " out_of_order %" PRIu64 "\n"
    "free %ld KB granted %" PRIu64 " pages promises %zu packets %zu\n"
    "connections %u half_open %u waits %u\n"
    "blocks %zu bytes %zu slabs %zu KB pages %zu KB\n"
    "disk_rounds %u disk_bad %u\n",
    s.connects, s.netif.rx_packets, s.netif.tx_packets, s.netif.rx_dropped,
    s.netif.rx_errors, s.netif.tx_dropped, s.netif.tx_errors, s.tx_csum, s.tx_gso,
    s.rx_csum, s.rx_gso, s.events, s.idle, s.notifies, t->tcp_retransmits, t->tcp_rto,
    t->tcp_out_of_order, sysconf(_SC_AVPHYS_PAGES) * 4, counts.grants, lwt_live(),
    lwt_buf_live(), connections, half_open, waits, heap.blocks, heap.bytes,
    heap.slabs / 1024, heap.pages / 1024, storm.rounds, storm.bad);
}

/* ---- HTTP ------------------------------------------------------------------ */

struct source {
  uint64_t at, n;
  uint32_t crc;
};

static lwt_buf_p *source_next(void *env, size_t max)
{
  struct source *s = env;
  uint64_t left = s->n - s->at, word = 0;
  struct lwt_buf *chain, *b;
  uint32_t len = (uint32_t)(max < left ? max : left);

  if (!left)
    return (lwt_buf_p *)lwt_return(NULL);
  chain = lwt_buf_chain(0, len);
  if (!chain)
    return lwt_buf_p_fail(LWT_ENOMEM, "source");
  for (b = chain; b; b = b->next)
    for (uint32_t i = 0; i < b->len; i++, s->at++) {
      if (!i || s->at % 8 == 0) {
        word = (s->at / 8 + 1) * 0x9e3779b97f4a7c15u;
        word = (word ^ word >> 31) * 0xbf58476d1ce4e5b9u;
      }
      b->data[i] = (uint8_t)(word >> (s->at % 8 * 8));
    }
  s->crc = crc_of(s->crc, chain);
  return lwt_buf_p_return(chain);
}

static void source_drop(void *env)
{
  struct source *s = env;

  if (s->n >= 1000000 || s->at < s->n)
    printf("sent %" PRIu64 " of %" PRIu64 " crc %08" PRIx32 "\n", s->at, s->n, ~s->crc);
  free(s);
}

static lwt_http_response_p *bytes_page(const char *query)
{
  static const struct lwt_http_producer producer = { source_next, source_drop };
  struct lwt_http_response *r = lwt_http_response_new(200);
  struct source *s = malloc(sizeof *s);

  if (!r || !s) {
    lwt_http_response_free(r);
    free(s);
    return lwt_http_return(NULL);
  }
  *s = (struct source){ 0, strtoull(query, NULL, 10), ~0u };
  lwt_http_set_producer(r, &producer, s, s->n);
  return lwt_http_return(r);
}

/* ---- Fetching --------------------------------------------------------------- */

struct fetch {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  struct lwt_buf *chunk;
  struct lwt_http_response *response;
  uint64_t n;
  uint32_t crc;
  unsigned blank; /* of CR LF CR LF, seen so far */
  char text[160];
};

/* Take the head away, as much of it as is here. */
static void skip_head(struct fetch *f)
{
  uint8_t c;

  while (f->blank < 4 && f->chunk) {
    lwt_buf_copy_out(f->chunk, 0, &c, 1);
    f->blank = c == (f->blank & 1 ? '\n' : '\r') ? f->blank + 1 : c == '\r';
    if (f->chunk->total == 1) {
      lwt_buf_free(f->chunk);
      f->chunk = NULL;
    } else {
      f->chunk = lwt_buf_pull(f->chunk, 1);
    }
  }
}

/* The answer is how many bytes dom0's server has sent, and their CRC-32. */
LWT_STEP fetch_step(struct lwt_frame *frame)
{
  struct fetch *f = (struct fetch *)frame;
  const struct lwt_addr dom0 = { .family = 4, .ip = { 10, 0, 0, 1 }, .port = 8000 };

  lwt_begin(f);
  lwt_await(f, &f->flow, lwt_stack_connect(stack, &dom0));
  lwt_defer(f, lwt_flow_close, f->flow);
  lwt_await(f, lwt_flow_write(f->flow, f->text, strlen(f->text)));
  for (;;) {
    lwt_await(f, &f->chunk, lwt_flow_read_buf(f->flow, 65536));
    if (!f->chunk)
      break;
    skip_head(f);
    f->crc = crc_of(f->crc, f->chunk);
    f->n += f->chunk ? f->chunk->total : 0;
    lwt_buf_free(f->chunk);
  }
  snprintf(f->text, sizeof f->text, "%" PRIu64 " %08" PRIx32 "\n", f->n, ~f->crc);
  printf("received %s", f->text);
  lwt_await(f, &f->response, lwt_http_reply(200, "text/plain", f->text));
  lwt_finish_owned(f, f->response, lwt_http_response_free);
  lwt_end(f);
}

static lwt_http_response_p *fetch_page(const char *query)
{
  struct fetch f = { .crc = ~0u };

  if (snprintf(f.text, sizeof f.text, "GET /%s HTTP/1.0\r\n\r\n", query) >=
      (int)sizeof f.text)
    return lwt_http_return(lwt_http_page(400));
  return (lwt_http_response_p *)lwt__go(sizeof f, fetch_step, &f, NULL, LWT_WHERE);
}

static lwt_http_response_p *page(void *env, const struct lwt_http_request *rq)
{
  static char text[16384];

  (void)env;
  if (!strcmp(rq->path, "/bytes") && rq->query)
    return bytes_page(rq->query);
  if (!strcmp(rq->path, "/fetch") && rq->query)
    return fetch_page(rq->query);
  if (!strcmp(rq->path, "/dump"))
    dump_text(text, sizeof text);
  else if (!strcmp(rq->path, "/stats"))
    stats_text(text, sizeof text);
  else
    return lwt_http_return(lwt_http_page(404));
  return lwt_http_reply(200, "text/plain", text);
}

/* ---- The device ----------------------------------------------------------- */

static void event(struct lwt_ip_watch *watch, enum lwt_ip_event what, uint32_t index,
                  const struct lwt_addr *addr)
{
  (void)watch, (void)addr;
  if (what == LWT_IP_IF_DOWN) {
    lost = index;
    lwt_condition_broadcast(&changed, NULL);
  }
}

struct minding {
  struct lwt_frame frame;
  struct lwt_ip_address address;
  struct lwt_netif *netif;
  uint32_t index;
};

/* When the device is lost, take it away, and the next one that there is. */
LWT_STEP minding_step(struct lwt_frame *frame)
{
  struct minding *m = (struct minding *)frame;

  lwt_begin(m);
  for (;;) {
    while (!lost)
      lwt_await(m, lwt_condition_wait(&changed, NULL));
    printf("device lost\n");
    lwt_await(m, lwt_ip_if_remove(stack, lost));
    lost = 0;
    while (lwt_platform_netif("vif:0", &m->netif))
      lwt_await(m, lwt_sleep(LWT_MS(100)));
    if (lwt_ip_if_add(stack, m->netif, 0, &m->index))
      lwt_throw(m, LWT_ENODEV, "vif:0");
    m->address.unchecked = 1;
    lwt_await(m, lwt_ip_address_add(stack, m->index, &m->address));
    printf("device found\n");
  }
  lwt_end(m);
}

int main(int argc, char **argv)
{
  const struct lwt_http_options http = { .handler = page, .stop_timeout = LWT_S(1) };
  struct lwt_net_options o = { .prefix = 24 };
  struct lwt_ip_watch watch = { .fn = event };
  const struct lwt_addr at = { .family = 4, .port = 80 };
  struct lwt_listener *listener;
  char text[1024];
  lwt_t *minder, *workers[2];
  int error = argc > 1 ? lwt_addr_parse(&o.addr, argv[1]) : LWT_EINVAL;

  lwt_set_allocator(heap_alloc, heap_free);
  crc_init();
  if (!error)
    error = lwt_net_open("vif:0", &o, &stack);
  check(!error, "a stack over vif:0: %s", lwt_strerror(error));
  if (error)
    return 1;
  lwt_ip_watch(stack, &watch);
  check(!lwt_stack_listen(stack, &at, 64, &listener), "listens");
  minder = LWT_GO(struct minding, minding_step,
                  .address = { .addr = o.addr, .prefix = 24 });
  if (argc > 2 && (error = lwt_platform_block(argv[2], &storm.disk)))
    check(0, "%s: %s", argv[2], lwt_strerror(error));
  for (unsigned i = 0; i < 2 && storm.disk; i++)
    workers[i] = worker(&storm, i);
  printf("serving\n");
  error = lwt_run(lwt_http_serve(listener, &http, lwt_platform_shutdown()));
  check(!error, "asked to stop");
  storm.stop = 1;
  if (storm.disk)
    check(!lwt_run(lwt_join(2, workers)) && !lwt_run(lwt_block_close(storm.disk)),
          "the disk is closed");
  stats_text(text, sizeof text);
  printf("%s", text);
  lwt_cancel(minder);
  lwt_run_value(minder, NULL);
  lwt_ip_unwatch(stack, &watch);
  check(!lwt_run(lwt_stack_close(stack)), "closed");
  check(lwt_live() == 0, "no promise is left: %zu", lwt_live());
  check(lwt_buf_live() == 0, "no packet is left: %zu", lwt_buf_live());
  printf("end\n");
  return 0;
}
