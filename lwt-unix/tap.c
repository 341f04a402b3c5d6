/* tap.c - the Ethernet device behind a tap interface as a struct lwt_netif.
 * SPDX-License-Identifier: ISC
 *
 * Sending.  Frames are queued and written just before the loop polls, or when
 * the queue is full; a full queue that the kernel does not take drops.  While
 * it takes nothing the descriptor is watched for room.
 *
 * Receiving.  While somebody listens, the descriptor is watched; each event
 * reads up to RX_BATCH frames or RX_BYTES into pages and delivers them as one
 * queue.  A frame begins in a page of its own.  What a long one has beyond that goes
 * to one piece of memory and is copied; after that long ones are expected, and go on in
 * pages that are kept until one needs them, until SHORTS frames came that were short:
 * each piece of memory that is offered to the kernel costs, whether it is used or not.
 *
 * Offloads.  With IFF_VNET_HDR each frame is preceded by the header of virtio-net
 * (vnet.h), which lies before it in the same page.  What we send may always be
 * unfinished then; what the kernel sends, once it agreed to (TUNSETOFFLOAD).  Large
 * UDP (UFO, USO) is not asked for: the stack has no use for datagrams that are to be
 * cut up.
 */
#include "unix.h"
#include "vnet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define TX_QUEUE 256u /* frames */
#define RX_BATCH 64u
#define RX_BYTES (512u << 10)
#define SLICES 64 /* of a frame; more are copied together, */
#define SHORT 2048u /* as are those of one so short: a list of them costs more */
#define ETH 14u
#define VLAN 4u
#define HEAD sizeof(struct virtio_net_hdr)
#define LARGEST (ETH + VLAN + 65535u)
#define FIRST (LWT_PAGE_SIZE - LWT_BUF_HEADROOM) /* bytes of a frame in its first page */
#define SPARES ((LARGEST - FIRST + LWT_PAGE_SIZE - 1) / LWT_PAGE_SIZE)
#define SHORTS 64u
#define PLAIN ",plain" /* behind a name: no offloads */

struct tap {
  struct lwt_netif netif;
  struct object object;
  int fd;
  uint8_t watched; /* UV_READABLE, UV_WRITABLE: the poll's events */
  uint8_t blocked; /* the kernel took no frame */
  uint8_t dead;    /* the interface is gone */
  uint8_t ended;   /* uv_close() was called */
  uint8_t handles;
  lwt_netif_input *input;
  void *env;
  struct lwt_resolver listener, closer;
  struct waiters writers;
  struct lwt_buf *first, **last; /* frames to send */
  size_t queued;
  uint32_t frame; /* longest that we take uncut, without VLAN tag */
  uint32_t largest; /* longest that comes, with it */
  uint8_t head;     /* bytes before each frame: virtio-net's header, or none */
  uint8_t longs;    /* long frames are expected: so many short ones more */
  uint8_t *beyond;  /* where a long frame that is not goes on; or NULL */
  struct lwt_buf *spare; /* pages that the next long frame goes on in */
  unsigned spares;       /* how many there are */
  char name[IFNAMSIZ];
  uv_poll_t poll;
  uv_prepare_t prepare;
};

static struct tap *tap_of(struct lwt_netif *netif)
{
  return (struct tap *)netif;
}

static void watch(struct tap *t);

/* The interface was deleted. */
static void die(struct tap *t)
{
  struct lwt_resolver listener = t->listener, r;

  if (t->dead)
    return;
  t->dead = 1;
  t->input = NULL;
  t->listener.lwt_private = NULL;
  watch(t);
  while ((r = lwt__waiters_next(&t->writers)).lwt_private)
    lwt_reject(&r, LWT_ENETDOWN, "netif_writable");
  lwt_reject(&listener, LWT_ENETDOWN, "netif_listen");
}

/* ---- Sending ----------------------------------------------------------- */

static ssize_t write_frame(struct tap *t, const struct lwt_buf *frame)
{
  struct iovec iov[SLICES];
  uint8_t linear[HEAD + LARGEST];
  const struct lwt_buf *slice;
  ssize_t done;
  int n = 0;

  if (frame->next && frame->total <= SHORT)
    slice = frame;
  else
    for (slice = frame; slice && n < SLICES; slice = slice->next)
      iov[n++] = (struct iovec){ slice->data, slice->len };
  if (slice) {
    iov[0].iov_base = linear;
    iov[0].iov_len = lwt_buf_copy_out(frame, 0, linear, sizeof linear);
    n = 1;
  }
  do
    done = n == 1 ? write(t->fd, iov->iov_base, iov->iov_len) : writev(t->fd, iov, n);
  while (done < 0 && errno == EINTR);
  return done;
}

static struct lwt_buf *dequeue(struct tap *t)
{
  struct lwt_buf *frame = t->first;

  t->first = frame->next_packet;
  if (!t->first)
    t->last = &t->first;
  frame->next_packet = NULL;
  t->queued--;
  return frame;
}

/* Write the queue, as far as the kernel takes it.  Settles nothing. */
static void flush(struct tap *t)
{
  struct lwt_buf *frame;
  ssize_t done;

  t->blocked = 0;
  while ((frame = t->first)) {
    done = t->dead ? -1 : write_frame(t, frame);
    if (done < 0 && !t->dead && errno == EAGAIN) {
      t->blocked = 1;
      return;
    }
    dequeue(t);
    if (done >= 0) {
      t->netif.stats.tx_packets++;
      t->netif.stats.tx_bytes += frame->total - t->head;
    } else {
      t->netif.stats.tx_errors++; /* EIO: the interface is not up */
    }
    lwt_buf_free(frame);
  }
}

static size_t tap_room(struct lwt_netif *netif)
{
  return TX_QUEUE - tap_of(netif)->queued;
}

static void serve_writers(struct tap *t)
{
  struct lwt_resolver r;

  while (TX_QUEUE - t->queued >= TX_QUEUE / 2 &&
         (r = lwt__waiters_next(&t->writers)).lwt_private)
    lwt_fulfill(&r, NULL);
}

static void on_prepare(uv_prepare_t *handle)
{
  struct tap *t = handle->data;

  uv_prepare_stop(&t->prepare);
  flush(t);
  watch(t);
  if (lwt__waiters_any(&t->writers)) {
    lwt__unix_kick();
    serve_writers(t);
  }
}

static int too_long(const struct tap *t, const struct lwt_buf *frame)
{
  if (frame->flags & LWT_BUF_GSO && t->head)
    return frame->total > LARGEST;
  return frame->total > t->frame;
}

/* The frame behind virtio-net's header, or NULL. */
static struct lwt_buf *add_head(struct lwt_buf *frame)
{
  struct virtio_net_hdr head;

  lwt__vnet_of(&head, frame);
  frame = lwt_buf_push(frame, sizeof head);
  if (frame)
    memcpy(frame->data, &head, sizeof head);
  return frame;
}

static int tap_send(struct lwt_netif *netif, struct lwt_buf *frame)
{
  struct tap *t = tap_of(netif);
  int error = 0;

  if (t->queued == TX_QUEUE && !t->blocked)
    flush(t);
  if (t->dead) {
    error = LWT_ENETDOWN;
  } else if (too_long(t, frame)) {
    error = LWT_EMSGSIZE;
  } else if (t->queued == TX_QUEUE) {
    error = LWT_ENOBUFS;
    watch(t);
  } else if (t->head && !(frame = add_head(frame))) {
    error = LWT_ENOBUFS;
  }
  if (error) {
    t->netif.stats.tx_dropped++;
    lwt_buf_free(frame);
    return error;
  }
  frame->next_packet = NULL;
  *t->last = frame;
  t->last = &frame->next_packet;
  if (t->queued++ == 0)
    uv_prepare_start(&t->prepare, on_prepare);
  return 0;
}

static lwt_t *tap_writable(struct lwt_netif *netif)
{
  struct tap *t = tap_of(netif);

  if (t->dead)
    return lwt_fail(LWT_ENETDOWN, "netif_writable");
  if (TX_QUEUE - t->queued >= TX_QUEUE / 2)
    return lwt_return(NULL);
  return lwt__waiters_add(&t->writers);
}

/* ---- Receiving --------------------------------------------------------- */

/* Read a frame that nobody has room for: its header, or a byte. */
static ssize_t skip_frame(struct tap *t)
{
  uint8_t head[HEAD];

  t->netif.stats.rx_dropped++;
  return read(t->fd, head, t->head ? t->head : 1);
}

/* All pages that a frame may go on in.  0: no memory. */
static int keep_spares(struct tap *t)
{
  struct lwt_buf *page;

  while (FIRST + t->spares * LWT_PAGE_SIZE < t->largest) {
    page = lwt_buf_new(0, LWT_PAGE_SIZE);
    if (!page)
      return 0;
    page->next = t->spare;
    t->spare = page;
    t->spares++;
  }
  return 1;
}

/* `left` bytes were read into the spare pages: leave those that were not needed. */
static void take_spares(struct tap *t, struct lwt_buf *frame, uint32_t left)
{
  struct lwt_buf **end = &frame->next;

  for (; left; left -= (*end)->len, end = &(*end)->next) {
    *end = t->spare;
    t->spare = t->spare->next;
    t->spares--;
    if (left < LWT_PAGE_SIZE)
      (*end)->len = left;
  }
  *end = NULL;
}

/* len bytes of a frame were read.  Returns 0 or LWT_ENOMEM. */
static int take_frame(struct tap *t, struct lwt_buf *frame, uint32_t len)
{
  uint32_t left = len > FIRST ? len - FIRST : 0;
  struct lwt_buf *tail;

  frame->len = len - left;
  frame->total = frame->len;
  if (t->longs) {
    take_spares(t, frame, left);
    frame->total = len;
    t->longs = (uint8_t)(left ? SHORTS : t->longs - 1u);
  } else if (left) {
    t->longs = SHORTS;
    if (!(tail = lwt_buf_copy_in(0, t->beyond, left)))
      return LWT_ENOMEM;
    lwt_buf_append(frame, tail);
  }
  return 0;
}

/* One byte more than a frame may have, to see that it is too long. */
static ssize_t read_into(struct tap *t, struct lwt_buf *frame)
{
  struct iovec iov[2 + SPARES];
  struct lwt_buf *page;
  char more;
  ssize_t got;
  int n = 1;

  iov[0] = (struct iovec){ frame->data - t->head, t->head + FIRST };
  for (page = t->longs ? t->spare : NULL; page; page = page->next)
    iov[n++] = (struct iovec){ page->data, LWT_PAGE_SIZE };
  if (t->longs)
    iov[n++] = (struct iovec){ &more, 1 };
  else if (t->beyond)
    iov[n++] = (struct iovec){ t->beyond, t->largest + 1 - FIRST };
  do
    got = n == 1 ? read(t->fd, iov->iov_base, iov->iov_len) : readv(t->fd, iov, n);
  while (got < 0 && errno == EINTR);
  return got;
}

/* What the kernel says about a frame is believed, but must fit it. */
static int frame_ok(const struct tap *t, const struct virtio_net_hdr *vnet,
                    struct lwt_buf *frame)
{
  if (t->head && lwt__vnet_to(vnet, frame))
    return 0;
  return frame->total <= t->frame + VLAN || frame->flags & LWT_BUF_GSO;
}

/* The next frame; NULL with *got >= 0: dropped, < 0: there is none (errno). */
static struct lwt_buf *read_frame(struct tap *t, ssize_t *got)
{
  struct lwt_buf *frame = !t->longs || keep_spares(t)
    ? lwt_buf_new(LWT_BUF_HEADROOM, FIRST) : NULL;
  struct virtio_net_hdr vnet;

  if (!frame) {
    *got = skip_frame(t);
    return NULL;
  }
  *got = read_into(t, frame);
  if (*got >= t->head + (ssize_t)ETH && *got - t->head <= (ssize_t)t->largest) {
    memcpy(&vnet, frame->data - t->head, t->head);
    if (take_frame(t, frame, (uint32_t)(*got - t->head))) {
      t->netif.stats.rx_dropped++;
      lwt_buf_free(frame);
      return NULL;
    }
    if (frame_ok(t, &vnet, frame))
      return frame;
  }
  if (*got >= 0)
    t->netif.stats.rx_errors++;
  lwt_buf_free(frame);
  return NULL;
}

static void receive(struct tap *t)
{
  struct lwt_buf *first = NULL, **last = &first, *frame;
  uint32_t bytes = 0;
  ssize_t got = 0;
  unsigned i;
  int gone;

  for (i = 0; i < RX_BATCH && bytes < RX_BYTES && got >= 0; i++) {
    frame = read_frame(t, &got);
    if (!frame)
      continue;
    bytes += frame->total;
    t->netif.stats.rx_packets++;
    *last = frame;
    last = &frame->next_packet;
  }
  t->netif.stats.rx_bytes += bytes;
  gone = got < 0 && errno != EAGAIN;
  if (first)
    t->input(t->env, first);
  if (gone && !t->ended)
    die(t);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
  struct tap *t = handle->data;

  if (status < 0) {
    t->watched = 0; /* libuv has stopped */
    die(t);
    return;
  }
  if (events & UV_WRITABLE) {
    flush(t);
    watch(t);
    serve_writers(t);
  }
  if (events & UV_READABLE && t->input && !t->ended)
    receive(t);
}

/* Watch for what is wanted. */
static void watch(struct tap *t)
{
  int events = (t->input ? UV_READABLE : 0) | (t->blocked ? UV_WRITABLE : 0);

  if (t->dead)
    events = 0;
  if (events == t->watched || t->ended)
    return;
  t->watched = (uint8_t)events;
  if (events)
    uv_poll_start(&t->poll, events, on_poll);
  else
    uv_poll_stop(&t->poll);
}

static void listen_stop(void *env)
{
  struct tap *t = env;

  if (!lwt_unwanted(&t->listener))
    return; /* somebody else listens */
  lwt_abandon(&t->listener);
  t->input = NULL;
  watch(t);
}

static lwt_t *tap_listen(struct lwt_netif *netif, lwt_netif_input *input, void *env)
{
  struct tap *t = tap_of(netif);
  lwt_t *p;

  if (t->dead)
    return lwt_fail(LWT_ENETDOWN, "netif_listen");
  if (t->listener.lwt_private && lwt_unwanted(&t->listener))
    listen_stop(t);
  if (t->listener.lwt_private)
    return lwt_fail(LWT_EBUSY, "netif_listen");
  p = lwt_task_op(&t->listener, listen_stop, t);
  if (!t->listener.lwt_private)
    return p;
  t->input = input;
  t->env = env;
  watch(t);
  return p;
}

/* ---- Closing ----------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
  struct tap *t = handle->data;
  struct lwt_resolver closer = t->closer;

  if (--t->handles)
    return;
  close(t->fd);
  lwt__unix_remove(&t->object);
  lwt__free(t->beyond);
  lwt__free(t);
  lwt_fulfill(&closer, NULL);
  lwt__unix_kick();
}

static lwt_t *tap_close(struct lwt_netif *netif)
{
  struct tap *t = tap_of(netif);
  lwt_t *p = lwt_wait(&t->closer);

  flush(t);
  t->ended = 1;
  uv_close((uv_handle_t *)&t->poll, on_closed);
  uv_close((uv_handle_t *)&t->prepare, on_closed);
  t->netif.stats.tx_dropped += t->queued;
  lwt_buf_free_queue(t->first);
  t->first = NULL;
  t->queued = 0;
  lwt_buf_free(t->spare);
  t->spare = NULL;
  t->spares = 0;
  die(t);
  return p;
}

/* The program has leaked it: its memory stays, like the pointer to it. */
static void tap_cut(struct object *object, int now)
{
  struct tap *t = CONTAINER(object, struct tap, object);

  if (now && !t->ended)
    lwt_async(tap_close(&t->netif));
}

/* ---- Opening ----------------------------------------------------------- */

static const struct lwt_netif_ops tap_ops = {
  .send = tap_send,
  .listen = tap_listen,
  .room = tap_room,
  .writable = tap_writable,
  .close = tap_close,
};

static int mtu_of(const char *ifname)
{
  struct ifreq request;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;

  if (fd < 0)
    return lwt__unix_errno();
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, ifname);
  error = ioctl(fd, SIOCGIFMTU, &request) ? lwt__unix_errno() : 0;
  close(fd);
  if (error)
    return error;
  if (request.ifr_mtu < 68)
    return LWT_EINVAL;
  return request.ifr_mtu < 65535 ? request.ifr_mtu : 65535;
}

/* Returns the descriptor or an error; *vnet: with headers, if the kernel can. */
static int open_tun(const char *ifname, int *vnet)
{
  struct ifreq request;
  unsigned features = 0;
  int error, fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  int head = sizeof(struct virtio_net_hdr);

  if (fd < 0) {
    error = lwt__unix_errno();
    return error == LWT_ENOENT ? LWT_ENODEV : error == LWT_EACCES ? LWT_EPERM : error;
  }
  if (ioctl(fd, TUNGETFEATURES, &features) || !(features & IFF_VNET_HDR))
    *vnet = 0;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, ifname);
  request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (*vnet ? IFF_VNET_HDR : 0));
  if (ioctl(fd, TUNSETIFF, &request) == 0 &&
      (!*vnet || ioctl(fd, TUNSETVNETHDRSZ, &head) == 0))
    return fd;
  error = lwt__unix_errno();
  close(fd);
  return error;
}

/* The most that the kernel agrees to.  A persistent interface may have been left
 * with offloads by somebody else. */
static uint32_t agree(int fd, int vnet)
{
  static const unsigned wishes[] = {
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
    TUN_F_CSUM | TUN_F_TSO4,
    TUN_F_CSUM,
  };
  uint32_t offloads = LWT_NETIF_TX_CSUM | LWT_NETIF_TX_TSO4 | LWT_NETIF_TX_TSO6;
  unsigned i = 0;

  if (!vnet) {
    ioctl(fd, TUNSETOFFLOAD, 0ul);
    return 0;
  }
  while (i < 3 && ioctl(fd, TUNSETOFFLOAD, (unsigned long)wishes[i]))
    i++;
  if (i < 3)
    offloads |= LWT_NETIF_RX_CSUM;
  if (i < 2)
    offloads |= LWT_NETIF_RX_GRO;
  return offloads;
}

static int choose_mac(uint8_t mac[6], const uint8_t given[6])
{
  if (given) {
    memcpy(mac, given, 6);
    return 0;
  }
  if (lwt_platform_random(mac, 6))
    return LWT_EIO;
  mac[0] = (uint8_t)((mac[0] & 0xfc) | 2); /* local, of one station */
  return 0;
}

/* How long frames are, and where they go on.  Returns 0 or an error. */
static int measure(struct tap *t)
{
  int mtu = mtu_of(t->name);

  if (mtu < 0)
    return mtu;
  t->netif.mtu = (uint16_t)mtu;
  t->frame = ETH + (uint32_t)mtu;
  t->largest = t->netif.offloads & LWT_NETIF_RX_GRO ? LARGEST : t->frame + VLAN;
  if (t->largest >= FIRST && !(t->beyond = lwt__alloc(t->largest + 1 - FIRST)))
    return LWT_ENOMEM;
  return 0;
}

static int setup(struct tap *t, uv_loop_t *loop, const uint8_t mac[6], int vnet)
{
  int error;

  t->fd = open_tun(t->name, &vnet);
  if (t->fd < 0)
    return t->fd;
  t->head = (uint8_t)(vnet ? HEAD : 0);
  t->netif.offloads = agree(t->fd, vnet);
  error = measure(t);
  if (!error)
    error = choose_mac(t->netif.mac, mac);
  if (!error)
    error = lwt__unix_error(uv_poll_init(loop, &t->poll, t->fd));
  if (error)
    close(t->fd);
  return error;
}

/* The name without what is behind it; returns 0 if it is none. */
static int split_name(char name[IFNAMSIZ], const char *ifname, int *vnet)
{
  size_t len = strlen(ifname), tail = sizeof PLAIN - 1;

  *vnet = len < tail || strcmp(ifname + len - tail, PLAIN) != 0;
  if (!*vnet)
    len -= tail;
  if (!len || len >= IFNAMSIZ)
    return 0;
  memcpy(name, ifname, len);
  name[len] = '\0';
  return 1;
}

int lwt_unix_tap(const char *ifname, const uint8_t mac[6], struct lwt_netif **netif)
{
  struct lwt_unix *u = lwt__unix_here();
  char name[IFNAMSIZ];
  struct tap *t;
  int error, vnet;

  if (!split_name(name, ifname, &vnet))
    return LWT_EINVAL;
  if (!u || !(t = lwt__alloc(sizeof *t)))
    return LWT_ENOMEM;
  memset(t, 0, sizeof *t);
  strcpy(t->name, name);
  error = setup(t, u->loop, mac, vnet);
  if (error) {
    lwt__free(t->beyond);
    lwt__free(t);
    return error;
  }
  t->netif.ops = &tap_ops;
  t->netif.name = t->name;
  t->last = &t->first;
  lwt__waiters_init(&t->writers, NULL);
  uv_prepare_init(u->loop, &t->prepare);
  t->poll.data = t->prepare.data = t;
  t->handles = 2;
  lwt__unix_add(&t->object, NULL, tap_cut);
  *netif = &t->netif;
  return 0;
}
