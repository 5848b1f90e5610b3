/* Asking what the running kernel offers: see engine/features.h. */
#include "engine/features.h"

#include "engine/backend.h"

#include <errno.h>

#ifdef OURO_HAVE_URING

#include "engine/uring.h"

int ouro_features_probe(struct ouro_feature *out, size_t *count)
{
	static const struct ouro_backend_options options = {
		.recv_buffer_count = 2,
		.recv_buffer_bytes = 4096,
		.completion_entries = 64,
	};
	struct ouro_backend *backend;
	int err = ouro_backend_uring.open(&backend, &options);

	*count = 0;
	if (err)
		return err;
	*count = ouro_uring_features((const struct ouro_uring *)(const void *)backend, out);
	backend->ops->close(backend);
	return 0;
}

#else

int ouro_features_probe(struct ouro_feature *out, size_t *count)
{
	(void)out;
	*count = 0;
	return -ENOTSUP;
}

#endif

const char *ouro_features_explain(int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
		return "io_uring is forbidden here (seccomp, or sysctl kernel.io_uring_disabled)";
	case -ENOSYS:
		return "this kernel has no io_uring";
	case -ENOMEM:
		return "io_uring could not get its memory (raise the memlock limit, ulimit -l)";
	case -EOPNOTSUPP:
		return "this kernel's io_uring lacks provided buffer rings (Linux 5.19)";
	case -EMFILE:
	case -ENFILE:
		return "no descriptor is left for io_uring (raise the limit, ulimit -n)";
	default:
		return "io_uring could not be set up";
	}
}
