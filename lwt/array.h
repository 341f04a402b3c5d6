/* lwt/array.h - f for each element of an array: in turn, or so many at a time.
 * SPDX-License-Identifier: ISC
 *
 *   struct host hosts[100];
 *
 *   lwt_await(f, &vec, lwt_map_n(8, LWT_ARRAY(hosts), look_up, NULL));
 *
 * Every function takes an array like qsort(): its first element, the number of
 * elements, the size of one; LWT_ARRAY(a) is these three of an array in scope.
 * f(env, element) gets a pointer to the element; its index is a subtraction.
 * The array is borrowed until the promise settles.
 *
 *   ..._s   one after the other: f is called when the promise of the element
 *           before has been fulfilled.
 *   ..._n   at most `max` at a time, begun in order (0 counts as 1).
 *   ..._p   all at once; as _n with LWT_UNLIMITED.
 *
 * Failure  The first rejection, in time, is the result's.  No element is begun
 *          after it; those that run are awaited first, and not cancelled.
 * Cancel   of the result reaches all that run; it is rejected when they are
 *          through.  So nothing runs behind a settled result.
 *
 * Settled promises of f cost no memory and no stack, however many.
 */
#ifndef LWT_ARRAY_H
#define LWT_ARRAY_H

#include <lwt/stream.h> /* LWT_UNLIMITED, lwt_fold_s_fn */

#ifdef __cplusplus
extern "C" {
#endif

#define LWT_ARRAY(a) (a), sizeof(a) / sizeof *(a), sizeof *(a)

/* No value; what f gives is dropped. */
LWT_API lwt_t *lwt_iter_s(const void *base, size_t n, size_t size, lwt_bind_fn *f,
                          void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_iter_n(size_t max, const void *base, size_t n, size_t size,
                          lwt_bind_fn *f, void *env) LWT_MUST_USE;

/* The values that f gives, a struct lwt_vec in the order of the array. */
LWT_API lwt_t *lwt_map_s(const void *base, size_t n, size_t size, lwt_bind_fn *f,
                         void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_map_n(size_t max, const void *base, size_t n, size_t size,
                         lwt_bind_fn *f, void *env) LWT_MUST_USE;

/* The same without those that are LWT_NONE. */
LWT_API lwt_t *lwt_filter_map_s(const void *base, size_t n, size_t size,
                                lwt_bind_fn *f, void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_filter_map_n(size_t max, const void *base, size_t n, size_t size,
                                lwt_bind_fn *f, void *env) LWT_MUST_USE;

/* Pointers to the elements for which f gives a value that is not 0: a struct
 * lwt_vec. */
LWT_API lwt_t *lwt_filter_s(const void *base, size_t n, size_t size, lwt_bind_fn *f,
                            void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_filter_n(size_t max, const void *base, size_t n, size_t size,
                            lwt_bind_fn *f, void *env) LWT_MUST_USE;

/* Pointers to these and to the others: a struct lwt_vec of two such vecs. */
LWT_API lwt_t *lwt_partition_s(const void *base, size_t n, size_t size,
                               lwt_bind_fn *f, void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_partition_n(size_t max, const void *base, size_t n, size_t size,
                               lwt_bind_fn *f, void *env) LWT_MUST_USE;

/* Whether f gives what is not 0 for all, for some element: 1 or 0.  No element
 * is begun once that is known. */
LWT_API lwt_t *lwt_for_all_s(const void *base, size_t n, size_t size, lwt_bind_fn *f,
                             void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_for_all_n(size_t max, const void *base, size_t n, size_t size,
                             lwt_bind_fn *f, void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_exists_s(const void *base, size_t n, size_t size, lwt_bind_fn *f,
                            void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_exists_n(size_t max, const void *base, size_t n, size_t size,
                            lwt_bind_fn *f, void *env) LWT_MUST_USE;

/* A pointer to the first element for which f gives what is not 0; LWT_ENOENT if
 * there is none. */
LWT_API lwt_t *lwt_find_s(const void *base, size_t n, size_t size, lwt_bind_fn *f,
                          void *env) LWT_MUST_USE;

/* acc becomes f(env, acc, element), from the first element to the last, or from
 * the last to the first; the value is the last acc. */
LWT_API lwt_t *lwt_fold_s(const void *base, size_t n, size_t size, lwt_fold_s_fn *f,
                          void *acc, void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_fold_right_s(const void *base, size_t n, size_t size,
                                lwt_fold_s_fn *f, void *acc, void *env) LWT_MUST_USE;

#define lwt_iter_p(...) lwt_iter_n(LWT_UNLIMITED, __VA_ARGS__)
#define lwt_map_p(...) lwt_map_n(LWT_UNLIMITED, __VA_ARGS__)
#define lwt_filter_map_p(...) lwt_filter_map_n(LWT_UNLIMITED, __VA_ARGS__)
#define lwt_filter_p(...) lwt_filter_n(LWT_UNLIMITED, __VA_ARGS__)
#define lwt_partition_p(...) lwt_partition_n(LWT_UNLIMITED, __VA_ARGS__)
#define lwt_for_all_p(...) lwt_for_all_n(LWT_UNLIMITED, __VA_ARGS__)
#define lwt_exists_p(...) lwt_exists_n(LWT_UNLIMITED, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
