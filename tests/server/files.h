/* What tests of static files have in common: a site that serves a directory of the test's own. */
#ifndef OURO_TESTS_SERVER_FILES_H
#define OURO_TESTS_SERVER_FILES_H

#include "expect.h"
#include "file/tree.h"
#include "server/static.h"

#include <unistd.h>

static struct site site;
static struct ouro_files_options files_options;
static void (*add_more)(struct ouro_server *server);

static inline void set_up_files(struct ouro_server *server)
{
	cr_assert_eq(ouro_server_files(server, "/files", ".", &files_options), 0);
	if (add_more)
		add_more(server);
}

/* Serves the tree of the test, in which it is, under /files. */
static inline void open_files(const struct ouro_files_options *options)
{
	files_options = options ? *options : (struct ouro_files_options){ 0 };
	site_open_with(&site, NULL, NULL, set_up_files);
}

static inline void close_files(void)
{
	site_close(&site);
	tree_remove();
}

/* Other threads have their time until something has come. */
static inline void settle_until_answered(struct sim_peer *peer)
{
	for (int i = 0; i < 100000 && sim_peer_received(peer).len == 0; i++) {
		sim_settle(site.loop);
		usleep(100);
	}
	cr_assert_gt(sim_peer_received(peer).len, 0);
}

/* The answer to @request on a connection of its own. What is not in the kernel's caches is looked for by
 * another thread. */
static inline struct answer fetch(const char *request)
{
	struct sim_peer *peer = site_connect(&site);
	struct ouro_str bytes = site_ask(&site, peer, request);
	struct answer answer;

	settle_until_answered(peer);
	bytes = sim_peer_received(peer);
	cr_assert(answer_read(&bytes, strncmp(request, "HEAD", 4) == 0, &answer), "%s", request);
	cr_assert_eq(bytes.len, 0);
	return answer;
}

static inline unsigned status_of(const char *request)
{
	return fetch(request).status;
}

/* Whether the field @name of the answer is just @expected; NULL: absent. */
static inline bool field_is(const struct answer *answer, const char *name, const char *expected)
{
	struct ouro_str got = answer_field(answer, name);

	if (!expected)
		return !got.ptr;
	return is(got, expected);
}

#endif
