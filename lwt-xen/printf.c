/* printf.c - vfprintf() without floating point: liblwt-xen-printf.a.
 * SPDX-License-Identifier: ISC
 *
 * Two thirds of musl's is about floating point and texts of errors.  A program that
 * links this one instead (lwt-xen-cc -llwt-xen-printf) has all conversions of C11 but
 * a, e, f, g, wide characters and n; these print a question mark in the field.
 */
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int vfprintf(FILE *restrict out, const char *restrict format, va_list ap);

struct output {
  FILE *file;
  char bytes[128]; /* a file without a buffer has each write on the console */
  size_t n;
  size_t total;
  int failed;
};

struct field {
  int minus, plus, blank, hash, zero;
  int width, precision; /* precision -1: none */
  int size;             /* of an integer, in bytes; 0: an int */
};

static void flush(struct output *o)
{
  if (o->n && fwrite(o->bytes, 1, o->n, o->file) != o->n)
    o->failed = 1;
  o->n = 0;
}

static void put(struct output *o, char c)
{
  if (o->n == sizeof o->bytes)
    flush(o);
  o->bytes[o->n++] = c;
  o->total++;
}

static void put_all(struct output *o, const char *text, size_t len)
{
  while (len--)
    put(o, *text++);
}

static void pad(struct output *o, char c, int n)
{
  while (n-- > 0)
    put(o, c);
}

/* A text with `zeros` between what is in front and the rest. */
static void put_field(struct output *o, const struct field *f, const char *front,
                      int zeros, const char *text, size_t len)
{
  size_t front_len = strlen(front);
  size_t used = front_len + (size_t)(zeros > 0 ? zeros : 0) + len;
  int room = used < (size_t)f->width ? f->width - (int)used : 0;

  if (!f->minus)
    pad(o, ' ', room);
  put_all(o, front, front_len);
  pad(o, '0', zeros);
  put_all(o, text, len);
  if (f->minus)
    pad(o, ' ', room);
}

static void put_number(struct output *o, const struct field *f, const char *front,
                       uintmax_t value, unsigned base, int capital)
{
  char digits[3 * sizeof value], *p = digits + sizeof digits;
  const char *set = capital ? "0123456789ABCDEF" : "0123456789abcdef";
  int len, zeros, wide;

  for (; value; value /= base)
    *--p = set[value % base];
  len = (int)(digits + sizeof digits - p);
  if (!len && f->precision < 0)
    *--p = '0', len = 1;
  zeros = f->precision - len;
  if (f->hash && base == 8 && zeros <= 0 && (!len || *p != '0'))
    zeros = 1;
  wide = f->width - len - (int)strlen(front);
  if (f->zero && !f->minus && f->precision < 0 && wide > zeros)
    zeros = wide;
  put_field(o, f, front, zeros, p, (size_t)len);
}

static intmax_t take_signed(int size, va_list *ap)
{
  if (size > (int)sizeof(int))
    return va_arg(*ap, intmax_t);
  return size == 1   ? (signed char)va_arg(*ap, int)
         : size == 2 ? (short)va_arg(*ap, int)
                     : va_arg(*ap, int);
}

static uintmax_t take_unsigned(int size, va_list *ap)
{
  if (size > (int)sizeof(int))
    return va_arg(*ap, uintmax_t);
  return size == 1   ? (unsigned char)va_arg(*ap, unsigned)
         : size == 2 ? (unsigned short)va_arg(*ap, unsigned)
                     : va_arg(*ap, unsigned);
}

static void put_signed(struct output *o, const struct field *f, intmax_t value)
{
  uintmax_t magnitude = value < 0 ? 0 - (uintmax_t)value : (uintmax_t)value;

  put_number(o, f, value < 0 ? "-" : f->plus ? "+" : f->blank ? " " : "", magnitude, 10,
             0);
}

static void put_unsigned(struct output *o, const struct field *f, uintmax_t value,
                         char kind)
{
  unsigned base = kind == 'u' ? 10 : kind == 'o' ? 8 : 16;
  const char *front = base < 16 || !f->hash || !value ? "" : kind == 'X' ? "0X" : "0x";

  put_number(o, f, front, value, base, kind == 'X');
}

static void put_text(struct output *o, const struct field *f, const char *text)
{
  if (!text)
    text = "(null)";
  put_field(o, f, "", 0, text,
            f->precision < 0 ? strlen(text) : strnlen(text, (size_t)f->precision));
}

/* An argument that is not printed. */
static void pass_over(const struct field *f, char kind, va_list *ap)
{
  if (f->size == sizeof(long double))
    (void)va_arg(*ap, long double);
  else if (strchr("aefgAEFG", kind))
    (void)va_arg(*ap, double);
  else if (kind == 'n')
    (void)va_arg(*ap, void *);
}

static void convert(struct output *o, struct field *f, char kind, va_list *ap)
{
  char c;

  if (f->size > (int)sizeof(int) && (kind == 's' || kind == 'c'))
    kind = 'n'; /* wide: not printed, either */
  switch (kind) {
  case 'd':
  case 'i': put_signed(o, f, take_signed(f->size, ap)); break;
  case 'u':
  case 'o':
  case 'x':
  case 'X': put_unsigned(o, f, take_unsigned(f->size, ap), kind); break;
  case 'p':
    f->hash = 1;
    put_unsigned(o, f, (uintptr_t)va_arg(*ap, void *), 'x');
    break;
  case 's': put_text(o, f, va_arg(*ap, const char *)); break;
  case 'c':
    c = (char)va_arg(*ap, int);
    put_field(o, f, "", 0, &c, 1);
    break;
  case '%': put(o, '%'); break;
  default:
    pass_over(f, kind, ap);
    put_field(o, f, "", 0, "?", 1);
  }
}

/* ---- Fields ------------------------------------------------------------ */

static const char *flags(const char *p, struct field *f)
{
  for (;; p++)
    switch (*p) {
    case '-': f->minus = 1; break;
    case '+': f->plus = 1; break;
    case ' ': f->blank = 1; break;
    case '#': f->hash = 1; break;
    case '0': f->zero = 1; break;
    default: return p;
    }
}

static const char *number(const char *p, int *n, va_list *ap)
{
  if (*p == '*') {
    *n = va_arg(*ap, int);
    return p + 1;
  }
  for (*n = 0; *p >= '0' && *p <= '9'; p++)
    *n = *n < INT_MAX / 16 ? 10 * *n + (*p - '0') : *n;
  return p;
}

static const char *size(const char *p, struct field *f)
{
  for (;; p++)
    switch (*p) {
    case 'h': f->size = f->size == sizeof(short) ? 1 : (int)sizeof(short); break;
    case 'l':
    case 'j':
    case 'z':
    case 't': f->size = sizeof(intmax_t); break;
    case 'L': f->size = sizeof(long double); break;
    default: return p;
    }
}

static const char *field(struct output *o, const char *p, va_list *ap)
{
  struct field f = { .precision = -1 };

  p = number(flags(p, &f), &f.width, ap);
  if (f.width < 0) {
    f.minus = 1;
    f.width = -f.width;
  }
  if (*p == '.')
    p = number(p + 1, &f.precision, ap);
  p = size(p, &f);
  if (!*p)
    return p;
  convert(o, &f, *p, ap);
  return p + 1;
}

int vfprintf(FILE *restrict out, const char *restrict format, va_list ap)
{
  struct output o = { .file = out };
  va_list copy;

  _Static_assert(sizeof(long) == sizeof(intmax_t), "one size of long integers");
  va_copy(copy, ap);
  while (*format)
    if (*format == '%')
      format = field(&o, format + 1, &copy);
    else
      put(&o, *format++);
  va_end(copy);
  flush(&o);
  return o.failed || o.total > INT_MAX ? -1 : (int)o.total;
}
