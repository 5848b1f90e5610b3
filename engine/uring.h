/* The ring backend's inside, shared by what sets it up (uring_setup.c) and what runs it
 * (uring.c). */
#ifndef OURO_ENGINE_URING_H
#define OURO_ENGINE_URING_H

#include "engine/backend.h"
#include "engine/features.h"
#include "engine/uring_compat.h"

enum {
	OURO_URING_SUBMISSION_ENTRIES = 1024,
	OURO_URING_BUFFER_GROUP = 0,
	OURO_URING_EAGER_BUFFERS = 16,
	/* In a turn with at most so many completions each send is made by the loop itself: the
	 * ring's gain comes from batches, and a send's own completion would end the next wait. */
	OURO_URING_DIRECT_SENDS_MAX = 2,
};

struct ouro_uring {
	struct ouro_backend base;
	struct io_uring ring;
	struct io_uring_buf_ring *buf_ring; /* receive buffers, handed to the kernel */
	size_t buf_ring_bytes;
	uint32_t buf_ring_unpublished; /* buffers put back since the tail was last stored */

	struct ouro_recvpool eager; /* buffers for receives made by the loop itself */

	uint64_t armed_ns; /* when the pending timeout fires; OURO_DEADLINE_NEVER: none pending */
	struct __kernel_timespec armed_ts;

	int wake_fd; /* eventfd; other threads write, the ring reads */
	uint64_t wake_value;
	bool wake_armed;

	struct ouro_op_list cancelled; /* operations that are asked to end and have not */
	uint64_t cancel_again_ns;      /* from when on they may be asked once more */
	bool cancel_missed;            /* not all of them were found when they were asked to */

	unsigned setup_flags;
	bool has_registered_ring;
	bool has_multishot_recv;
	bool has_zero_copy;
	bool has_cancel_skip; /* a request may ask for no completion on success (5.17) */
	uint32_t turn_completions;
};

/* Sets up ring, buffers, wake-up and feature flags. 0 or a negative errno. */
int ouro_uring_setup(struct ouro_uring *uring, const struct ouro_backend_options *options,
		     ouro_buf_release_fn release);
void ouro_uring_teardown(struct ouro_uring *uring);

/* Fills @out with what @uring found; returns how many. */
size_t ouro_uring_features(const struct ouro_uring *uring, struct ouro_feature *out);

#endif
