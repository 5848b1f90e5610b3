/* Files that take what does not fit into memory: see server/spill.h. */
#include "server/spill.h"

#include "server/server_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct write_job {
	struct ouro_spill *spill;
	const char *data;
	size_t len;
	bool rewind;
	int result;
};

/* For file systems that know no files without a name: this one has its own for a moment. */
static int open_and_unlink(const char *directory)
{
	char path[PATH_MAX];
	int fd, len = snprintf(path, sizeof(path), "%s/ouro-XXXXXX", directory);

	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

static int open_unnamed(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* The second is what kernels say that do not know the flag: open(2). */
	if (errno == EOPNOTSUPP || errno == EISDIR)
		return open_and_unlink(directory);
	return -errno;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, data, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		data += written;
		len -= (size_t)written;
	}
	return 0;
}

static int run_job(const struct write_job *job)
{
	struct ouro_spill *spill = job->spill;
	int err;

	if (spill->fd < 0) {
		err = open_unnamed(spill->directory);
		if (err < 0)
			return err;
		/* Known to the exchange at once: it closes it, whether anybody waits or not. */
		spill->fd = err;
	}
	err = write_all(spill->fd, job->data, job->len);
	if (!err && job->rewind && lseek(spill->fd, 0, SEEK_SET) < 0)
		err = -errno;
	return err;
}

/* On a thread of the pool. */
static void run(void *args)
{
	struct write_job *job = args;

	job->result = run_job(job);
}

int ouro_spill_write(struct ouro_ctx *ctx, struct ouro_spill *spill, const char *data, size_t len,
		     bool rewind)
{
	struct write_job job = { spill, data, len, rewind, 0 };
	int err = ouro_offload(ctx, run, &job, sizeof(job));

	return err ? err : job.result;
}

/* The closing of one file: of one without a name that is giving back all its blocks, which may take long. */
struct close_job {
	struct ouro_offload_job job; /* first */
	struct ouro_worker *worker;
	int fd;
};

/* On a thread of the pool. */
static void run_close(struct ouro_offload_job *job)
{
	close(((struct close_job *)(void *)job)->fd);
}

static void on_closed(struct ouro_offload_job *job)
{
	struct close_job *own = (struct close_job *)(void *)job;

	own->worker->jobs--;
	free(own);
}

/* Whether a thread will close @fd. */
static bool offload_close(struct ouro_worker *worker, int fd)
{
	struct close_job *own = malloc(sizeof(*own));

	if (!own)
		return false;
	*own = (struct close_job){
		.job = { .run = run_close, .on_done = on_closed, .loop = &worker->loop },
		.worker = worker,
		.fd = fd,
	};
	if (ouro_offload_submit(worker->server->offload, &own->job)) {
		free(own);
		return false;
	}
	worker->jobs++;
	return true;
}

void ouro_spill_close(struct ouro_worker *worker, struct ouro_spill *spill)
{
	/* Where there is no room for one more job the loop has to. */
	if (spill->fd >= 0 && !offload_close(worker, spill->fd))
		close(spill->fd);
	spill->fd = -1;
}
