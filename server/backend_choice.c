/* Which backend a server runs on: asked for by its options or the environment, or tried out. */
#include "engine/features.h"
#include "server/server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The choice of the environment, where the options make none. */
static int ask_environment(enum ouro_backend_choice *choice, const struct ouro_log *log)
{
	const char *name = getenv("OURO_BACKEND");

	if (*choice != OURO_BACKEND_AUTO || !name || !*name || strcmp(name, "auto") == 0)
		return 0;
	if (strcmp(name, "uring") == 0) {
		*choice = OURO_BACKEND_URING;
	} else if (strcmp(name, "epoll") == 0) {
		*choice = OURO_BACKEND_EPOLL;
	} else {
		ouro_log(log, OURO_LOG_ERROR,
			 "OURO_BACKEND is '%s'; it must be auto, uring or epoll", name);
		return -EINVAL;
	}
	return 0;
}

#ifdef OURO_HAVE_URING
static const struct ouro_backend_ops *const ring_backend = &ouro_backend_uring;
#else
static const struct ouro_backend_ops *const ring_backend = NULL;
#endif

static int try_ring(void)
{
	struct ouro_feature features[OURO_FEATURES_MAX];
	size_t count;

	return ouro_features_probe(features, &count);
}

int ouro_server_choose_backend(struct ouro_server *server)
{
	enum ouro_backend_choice choice = server->options.backend;
	int err = ask_environment(&choice, &server->log);

	if (err)
		return err;
	server->backend = &ouro_backend_epoll;
	server->may_fall_back = choice == OURO_BACKEND_AUTO;
	if (choice == OURO_BACKEND_EPOLL)
		return 0;
	err = try_ring();
	if (!err) {
		server->backend = ring_backend;
		return 0;
	}
	if (choice == OURO_BACKEND_URING) {
		ouro_log(&server->log, OURO_LOG_ERROR, "no uring backend: %s",
			 ouro_features_explain(err));
		return err;
	}
	ouro_log(&server->log, OURO_LOG_INFO, "using epoll: %s", ouro_features_explain(err));
	return 0;
}

size_t ouro_features(struct ouro_feature_info *out, size_t max, const char **why)
{
	struct ouro_feature features[OURO_FEATURES_MAX];
	size_t count = 0;
	int err = ouro_features_probe(features, &count);

	if (why)
		*why = err ? ouro_features_explain(err) : NULL;
	for (size_t i = 0; i < count && i < max; i++)
		out[i] = (struct ouro_feature_info){ features[i].name, features[i].present,
						     features[i].effect };
	return count;
}
