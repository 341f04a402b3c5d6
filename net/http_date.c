/* http_date.c - dates of HTTP (RFC 9110, 5.6.7).
 * SPDX-License-Identifier: ISC
 *
 * No time zones, no locale, no C library: the days are counted from 1 March of
 * the year 0, so that a leap day comes last.
 */
#include "lwt-http.h"

#include <string.h>

static const char days[7][10] = { "Thursday", "Friday",  "Saturday", "Sunday",
                                  "Monday",   "Tuesday", "Wednesday" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* The last second of the year 9999, and the first of the year 0. */
#define LAST INT64_C(253402300799)
#define FIRST INT64_C(-62167219200)
#define DAYS_TO_1970 719468 /* from 1 March of the year 0 */

struct date {
  int year, month, day; /* month from 0, day from 1 */
  int hour, minute, second;
};

static int64_t days_before(int year, int month, int day)
{
  int64_t y = month < 2 ? year - 1 : year, m = month < 2 ? month + 10 : month - 2;
  int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;

  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
    (153 * m + 2) / 5 + day - 1 - DAYS_TO_1970;
}

static void date_of(int64_t day, struct date *d)
{
  int64_t n = day + DAYS_TO_1970, era = (n >= 0 ? n : n - 146096) / 146097;
  int64_t e = n - era * 146097;
  int64_t y = (e - e / 1460 + e / 36524 - e / 146096) / 365;
  int64_t left = e - (365 * y + y / 4 - y / 100), m = (5 * left + 2) / 153;

  d->day = (int)(left - (153 * m + 2) / 5 + 1);
  d->month = (int)(m < 10 ? m + 2 : m - 10);
  d->year = (int)(y + era * 400 + (d->month < 2));
}

static char *put(char *p, int number, int digits)
{
  for (int i = digits - 1; i >= 0; i--, number /= 10)
    p[i] = (char)('0' + number % 10);
  return p + digits;
}

static char *put_text(char *p, const char *text, size_t len)
{
  memcpy(p, text, len);
  return p + len;
}

char *lwt_http_date_format(char text[LWT_HTTP_DATE], int64_t seconds)
{
  struct date d;
  int64_t day, rest;
  char *p = text;

  seconds = seconds < FIRST ? FIRST : seconds > LAST ? LAST : seconds;
  day = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
  rest = seconds - day * 86400;
  date_of(day, &d);
  p = put_text(p, days[(day % 7 + 7) % 7], 3);
  p = put(put_text(p, ", ", 2), d.day, 2);
  p = put_text(put_text(p, " ", 1), months[d.month], 3);
  p = put(put_text(p, " ", 1), d.year, 4);
  p = put(put_text(p, " ", 1), (int)(rest / 3600), 2);
  p = put(put_text(p, ":", 1), (int)(rest / 60 % 60), 2);
  p = put(put_text(p, ":", 1), (int)(rest % 60), 2);
  memcpy(p, " GMT", 5);
  return text;
}

static int number(const char **text, int digits, int *value)
{
  for (*value = 0; digits > 0; digits--, ++*text) {
    if (**text < '0' || **text > '9')
      return LWT_EINVAL;
    *value = *value * 10 + (**text - '0');
  }
  return 0;
}

static int day_name(const char **text, int whole)
{
  for (int i = 0; i < 7; i++) {
    size_t n = whole ? strlen(days[i]) : 3;

    if (strncmp(*text, days[i], n) == 0) {
      *text += n;
      return 0;
    }
  }
  return LWT_EINVAL;
}

static int month_name(const char **text, int *month)
{
  for (*month = 0; *month < 12; ++*month)
    if (strncmp(*text, months[*month], 3) == 0) {
      *text += 3;
      return 0;
    }
  return LWT_EINVAL;
}

static int part(char kind, const char **text, struct date *d)
{
  switch (kind) {
  case 'w':
  case 'W':
    return day_name(text, kind == 'W');
  case 'M':
    return month_name(text, &d->month);
  case 'd':
    if (**text == ' ') {
      ++*text;
      return number(text, 1, &d->day);
    }
    return number(text, 2, &d->day);
  case 'D':
    return number(text, 2, &d->day);
  case 'Y':
    return number(text, 4, &d->year);
  case 'y':
    return number(text, 2, &d->year);
  case 'h':
    return number(text, 2, &d->hour);
  case 'm':
    return number(text, 2, &d->minute);
  case 's':
    return number(text, 2, &d->second);
  case 'Z':
    if (strncmp(*text, "GMT", 3) != 0)
      return LWT_EINVAL;
    *text += 3;
    return 0;
  default:
    return *(*text)++ == kind ? 0 : LWT_EINVAL;
  }
}

/* Follow a pattern: D M Y y h m s are the parts of the date (Y: four digits,
 * y: two), d a day that may be padded with a space, w W a day's short and long
 * name, Z the time zone, other characters stand for themselves. */
static int follow(const char *pattern, const char *text, struct date *d)
{
  for (; *pattern; pattern++)
    if (part(*pattern, &text, d))
      return LWT_EINVAL;
  return *text ? LWT_EINVAL : 0;
}

/* A year of two digits lies at most 50 years in the future. */
static int century(int year, int64_t now)
{
  struct date today;

  date_of(now / 86400, &today);
  year += today.year / 100 * 100;
  return year > today.year + 50 ? year - 100 : year;
}

static int month_days(int year, int month)
{
  static const int8_t n[12] = { 31, 28, 31, 30, 31, 30,
                                31, 31, 30, 31, 30, 31 };

  return n[month] +
    (month == 1 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

int lwt_http_date_parse(const char *text, int64_t now, int64_t *seconds)
{
  struct date d;

  if (follow("w, D M Y h:m:s Z", text, &d) != 0 &&
      follow("w M d h:m:s Y", text, &d) != 0) {
    if (follow("W, D-M-y h:m:s Z", text, &d) != 0)
      return LWT_EINVAL;
    d.year = century(d.year, now);
  }
  if (d.day < 1 || d.day > month_days(d.year, d.month) || d.hour > 23 ||
      d.minute > 59 || d.second > 60)
    return LWT_EINVAL;
  *seconds = days_before(d.year, d.month, d.day) * 86400 + d.hour * 3600 +
    d.minute * 60 + d.second;
  return 0;
}
