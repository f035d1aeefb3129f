#ifndef PERRY_SANDBOX_H
#define PERRY_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/*
 * perry-sandbox for C: every operation behind one JSON envelope.
 *
 * A request is {"v":1,"id":"7","op":"explain","args":{...}}; its reply {"v":1,"id":"7","ok":true,"value":...} or
 * {"v":1,"id":"7","ok":false,"error":{"code":"DENIED","status":403,"message":"...","details":...}}.
 *
 * Link the archive: cc program.c libperry_sandbox_ffi.a -lpthread -ldl -lm -lgcc_s
 *
 * - Text is UTF-8. The library owns nothing of the caller's when a call returns; the caller owns each reply and frees it
 *   with psb_reply_free, once.
 * - Every function can be called from every thread. The same reply must not be used by two threads at once.
 * - Sandboxes are started by a launcher process: this program, executed again. A constructor in the archive makes it
 *   one before main, so main is not run twice. Without that (a shared library, or a linker that drops constructors)
 *   every run answers NOT_AVAILABLE; nothing is ever started in a weaker way.
 * - After fork only exec may follow: a call in the child answers NOT_AVAILABLE.
 * - The environment is read at the first call that needs a folder.
 */


/*
 A reply: JSON text in UTF-8. Whoever gets one owns it, and frees it with `psb_reply_free`.
 */
struct psb_reply;

/*
 Takes a reply and the context that the call was made with. It is called once for each `psb_call_async`, from any
 thread, perhaps before `psb_call_async` returns. It owns the reply. It must not unwind or `longjmp`.
 */
typedef void (*psb_callback)(struct psb_reply *reply, void *context);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 The version of the library, such as `0.1.0`. The text lives as long as the program.
 */
const char *psb_version(void);

/*
 Answers a request (`length` bytes of JSON, no NUL needed) on this thread.

 Never NULL: whatever is wrong is said by the reply. A NULL request is a bad one. Free the reply with
 `psb_reply_free`.

 # Safety
 `request` is NULL, or `length` bytes can be read there while the call lasts.
 */
struct psb_reply *psb_call(const char *request, size_t length);

/*
 Answers a request through `callback`, exactly once; `context` is handed to it unread. The request is copied.

 Returns false, and calls nothing, only when `callback` is NULL.

 # Safety
 As `psb_call`; `callback` can be called from any thread.
 */
bool psb_call_async(const char *request, size_t length, psb_callback callback, void *context);

/*
 The reply's text, NUL-terminated; it lives as long as the reply. NULL for NULL.

 # Safety
 `reply` is NULL, or was given by this library and not freed.
 */
const char *psb_reply_text(const struct psb_reply *reply);

/*
 The number of bytes of the reply's text, without the NUL at its end. 0 for NULL.

 # Safety
 As `psb_reply_text`.
 */
size_t psb_reply_length(const struct psb_reply *reply);

/*
 Frees a reply and its text. NULL is nothing to free.

 # Safety
 As `psb_reply_text`; the reply is not used afterwards.
 */
void psb_reply_free(struct psb_reply *reply);

/*
 Cancels everything, waits until it is gone and every callback has returned (but the one that calls this), ends the
 launcher process, and refuses every later call. Whether this was the first time.
 */
bool psb_close(void);

/*
 Becomes the launcher process if this process was started as one, and does not return then; else returns at once.

 Programs that are linked with the archive in the usual way need not call it: the archive does, before `main`.
 */
void psb_launcher_hook(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PERRY_SANDBOX_H */
