/* Polls on the simulated backend: they say what the real ones would. */
#include "engine/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

struct probe {
	struct ouro_op_poll poll; /* first */
	int count;
	int32_t result;
};

static void on_complete(struct ouro_op *op, struct ouro_buf *buf, unsigned flags)
{
	struct probe *probe = (struct probe *)(void *)op;

	cr_assert_null(buf);
	cr_assert_eq(flags, 0);
	probe->count++;
	probe->result = op->result;
}

static void submit(struct rig *rig, struct probe *probe, int fd, short events)
{
	struct ouro_backend *backend = rig->loop.backend;

	*probe = (struct probe){ 0 };
	probe->poll.op.kind = OURO_OP_POLL;
	probe->poll.op.fd = fd;
	probe->poll.op.on_complete = on_complete;
	probe->poll.events = events;
	cr_assert_eq(backend->ops->submit(backend, &probe->poll.op), OURO_SUBMIT_PENDING);
}

static void cancel(struct rig *rig, struct probe *probe)
{
	rig->loop.backend->ops->cancel(rig->loop.backend, &probe->poll.op);
	sim_settle(&rig->loop);
	cr_assert_eq(probe->count, 1);
}

static int32_t poll_now(struct rig *rig, int fd, short events)
{
	struct probe probe;

	submit(rig, &probe, fd, events);
	sim_settle(&rig->loop);
	if (probe.count == 0)
		cancel(rig, &probe);
	return probe.result;
}

Test(sim_poll, it_says_what_holds)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct rig_options options = { .sim = sim_wild(seed) };
		struct sim_peer *peer;
		struct rig rig;
		int fd;

		rig_open(&rig, &options);
		peer = sim_pair(sim_of(&rig.loop), &fd);
		cr_assert_eq(poll_now(&rig, fd, POLLIN), -ECANCELED);
		cr_assert_eq(poll_now(&rig, fd, POLLIN | POLLOUT), POLLOUT);
		sim_peer_fill(peer);
		cr_assert_eq(poll_now(&rig, fd, POLLIN | POLLOUT), -ECANCELED);
		sim_peer_say(peer, "x");
		cr_assert_eq(poll_now(&rig, fd, POLLIN | POLLOUT), POLLIN);
		sim_peer_set_reading(peer, true);
		cr_assert_eq(poll_now(&rig, fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
		sim_peer_fin(peer);
		cr_assert_eq(poll_now(&rig, fd, POLLRDHUP), POLLRDHUP);
		sim_peer_reset(peer);
		cr_assert_eq(poll_now(&rig, fd, 0), POLLERR | POLLHUP);
		close(fd);
		rig_close(&rig);
	}
}

Test(sim_poll, several_wait_for_what_each_asked)
{
	struct probe in, out, also_in;
	struct sim_peer *peer;
	struct rig rig;
	int fd;

	rig_open(&rig, NULL);
	peer = sim_pair(sim_of(&rig.loop), &fd);
	sim_peer_fill(peer);
	submit(&rig, &in, fd, POLLIN);
	submit(&rig, &out, fd, POLLOUT);
	submit(&rig, &also_in, fd, POLLIN);
	sim_settle(&rig.loop);
	cr_assert_eq(in.count + out.count + also_in.count, 0);
	cancel(&rig, &also_in);
	cr_assert_eq(also_in.result, -ECANCELED);
	sim_peer_say(peer, "x");
	sim_settle(&rig.loop);
	cr_assert_eq(in.result, POLLIN);
	cr_assert_eq(out.count, 0);
	sim_peer_set_reading(peer, true);
	sim_settle(&rig.loop);
	cr_assert_eq(out.result, POLLOUT);
	close(fd);
	rig_close(&rig);
}
