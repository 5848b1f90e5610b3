/* A server with one worker on the simulated backend, in the test's own thread, and handlers that
 * use every part of a context. */
#ifndef OURO_TESTS_SERVER_SITE_H
#define OURO_TESTS_SERVER_SITE_H

#include "ouro.h"
#include "server/server_private.h"
#include "support/answer.h"
#include "support/sim.h"

enum {
	SITE_LOG_BYTES = 4096,
	SITE_BIG_BYTES = 3 * 1024 * 1024, /* what /big answers with */
	SITE_HEAVY_BYTES = 1024 * 1024,   /* what /heavy does: over the high mark at once */
	SITE_LATER_MS = 1000,             /* when /later answers */
};

struct site {
	struct ouro_server *server;
	struct ouro_worker *worker;
	struct ouro_loop *loop;
	struct sim *sim;
	uint32_t
		offload_queue_max; /* 4, unless the options say more: it is to be full now and then */
	char logged[SITE_LOG_BYTES]; /* every line, with line ends */
};

/* What handlers noticed; cleared by site_open(). */
struct site_notes {
	int result;       /* of the call that a handler is about */
	int called;       /* handlers of this kind */
	int gone;         /* calls of on_gone */
	int bodies_ended; /* calls with @last */
	size_t body_bytes;
	size_t pending_max; /* output queued for one client */
};

extern struct site_notes site_notes;

/* The routes:
 *
 *     GET  /plaintext      "Hello, World!", static
 *     GET  /json           {"name":..}, of the query's name
 *     GET  /users/{id}     the id
 *     POST /echo           the body, referred to
 *     POST /collect        the length of the body, once it has come
 *     POST /refuse         403 at once
 *     POST /watch          as /collect; wants to know when the client goes
 *     POST /hasty          as /later, and then 403 at once
 *     GET  /later          "later" after SITE_LATER_MS; wants to know when the client goes
 *     GET  /patient        the same, and does not want to know
 *     GET  /silent         returns without an answer
 *     GET  /unended        begins an answer and returns
 *     GET  /twice          answers twice
 *     GET  /chunked        "one", "two" in pieces of unknown length
 *     GET  /short          fewer bytes than announced
 *     GET  /long           more bytes than announced
 *     GET  /fields         two fields of its own
 *     GET  /close          forbids another request
 *     GET  /abort          resets
 *     GET  /big            SITE_BIG_BYTES, as the client takes them
 *     GET  /flood          as much, inline, minding nothing
 *     GET  /heavy          SITE_HEAVY_BYTES in one piece
 *     GET  /heavy-later    the same after SITE_LATER_MS
 *     GET  /typed          a content type that fits in no head
 *     GET  /memory         what is left of the request before it: nothing
 *     GET  /peer           the client's address
 *     GET  /metrics
 */
void site_open(struct site *site, const struct ouro_options *options,
	       const struct sim_settings *settings);

/* The same with those routes alone whose answers depend on nothing but the bytes of the request: none
 * that resets, tells time or counts, and /echo answers when the whole body has come. */
void site_open_for_replay(struct site *site, const struct ouro_options *options,
			  const struct sim_settings *settings);

/* Without those routes: @set_up adds its own, and hooks and middleware. */
void site_open_with(struct site *site, const struct ouro_options *options,
		    const struct sim_settings *settings,
		    void (*set_up)(struct ouro_server *server));

/* Drains, waits for the end, and checks that nothing is left. */
void site_close(struct site *site);

/* A client that is connected. */
struct sim_peer *site_connect(struct site *site);

/* Sends @text from @peer, waits until all is quiet, and returns what came back. */
struct ouro_str site_ask(struct site *site, struct sim_peer *peer, const char *text);

/* As above on a connection of its own; reads the one answer that must have come. */
struct answer site_answer(struct site *site, const char *text);

const struct ouro_counters *site_counters(const struct site *site);

#endif
