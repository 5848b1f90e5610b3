/* What requests carry and answers bring: cookies, forms, JSON, negotiated content. */
#ifndef OURO_DATA_H
#define OURO_DATA_H

#include "ouro/cookie.h"
#include "ouro/wait.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Cookies (RFC 6265) ---- */

/* The value of the request's first cookie called @name (a C string), as sent; absent where there is
 * none. */
OURO_API struct ouro_str ouro_cookie(const struct ouro_ctx *ctx, const char *name);

/* Adds a Set-Cookie field for @cookie. 0; -EINVAL where ouro/cookie.h says that it is malformed;
 * -EALREADY, -E2BIG, -ENOMEM as ouro_set_header(). */
OURO_API int ouro_set_cookie(struct ouro_ctx *ctx, const struct ouro_cookie *cookie);

/* Signed cookies: clients can read them but not make or change them, nor use one as another. They
 * expire where the cookie says so, whatever the client does. -ENOKEY where ouro_server_secret() was
 * not called. Reading: absent where there is none or it is not authentic. */
OURO_API int ouro_set_signed_cookie(struct ouro_ctx *ctx, const struct ouro_cookie *cookie);
OURO_API struct ouro_str ouro_signed_cookie(struct ouro_ctx *ctx, const char *name);

/* The same for cookies that clients cannot read either; their values may be any bytes. */
OURO_API int ouro_set_sealed_cookie(struct ouro_ctx *ctx, const struct ouro_cookie *cookie);
OURO_API struct ouro_str ouro_sealed_cookie(struct ouro_ctx *ctx, const char *name);

/* ---- Forms (application/x-www-form-urlencoded, and nothing else) ----
 *
 * Forms with files come as multipart/form-data: see ouro/multipart.h. */

/* Waits for the body and walks its pairs, decoded once, in order, at most 1000: where anything is wrong with
 * one of them, none. 0; -EPROTONOSUPPORT where
 * the content type is another, multipart/form-data included; -EBADMSG at a malformed escape or too many
 * pairs; as ouro_body(). */
OURO_API int ouro_form_each(struct ouro_ctx *ctx, ouro_pair_fn fn, void *arg);

/* The first value of the field @name (a C string), decoded; absent where there is none, the form is
 * multipart/form-data or ouro_form_each() fails otherwise: what then to answer, ouro_reject() knows. */
OURO_API struct ouro_str ouro_form(struct ouro_ctx *ctx, const char *name);

/* ---- JSON, by yyjson (include <yyjson.h> for what these types are) ---- */

struct yyjson_doc;
struct yyjson_mut_doc;

/* Waits for the body and reads it as JSON (RFC 8259). @doc lives as long as the context and is not to
 * be freed. 0; -EPROTONOSUPPORT where the content type is neither application/json nor ends in +json;
 * -EBADMSG where it is malformed (ouro_json_fault() says what is wrong) or nested more than 128 deep;
 * as ouro_body(). */
OURO_API int ouro_body_json(struct ouro_ctx *ctx, struct yyjson_doc **doc);

/* What was wrong, and where: "byte 12: unexpected character"; NULL where nothing was. */
OURO_API const char *ouro_json_fault(const struct ouro_ctx *ctx);

/* An empty document to be filled and given to ouro_json(); it lives as long as the context and is not
 * to be freed. NULL when out of memory. */
OURO_API struct yyjson_mut_doc *ouro_json_doc(struct ouro_ctx *ctx);

/* Answers with @doc as application/json. Errors as ouro_send(); -EINVAL where it cannot be written
 * (invalid UTF-8, a number that is not finite, no root). */
OURO_API int ouro_json(struct ouro_ctx *ctx, unsigned status, struct yyjson_mut_doc *doc);

/* ---- Negotiation (RFC 9110, 12) ---- */

/* Which of @offers (media types, C strings) the client prefers by its Accept field; the first where
 * that says nothing; -1 where it accepts none of them: then 406 is the answer, or the first. Sets Vary.
 * Of more than 32 offers it is -1. */
OURO_API int ouro_negotiate(struct ouro_ctx *ctx, const char *const *offers, size_t count);

#ifdef __cplusplus
}
#endif

#endif
