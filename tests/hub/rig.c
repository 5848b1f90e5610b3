/* A hub with loops that a test runs itself: see rig.h. */
#include "rig.h"

#include <assert.h>
#include <string.h>

static uint64_t rig_clock(void *arg)
{
	return ((struct rig *)arg)->now_ms;
}

static void wake(void *arg)
{
	struct rig_loop *loop = arg;

	assert(!loop->is_rung);
	loop->is_rung = true;
	loop->rung_count++;
}

void rig_init(struct rig *rig, const struct ouro_hub_options *options)
{
	struct ouro_hub_options complete = { 0 };
	int err;

	*rig = (struct rig){ .now_ms = 1000000 };
	if (options)
		complete = *options;
	if (!complete.origin)
		complete.origin = 1;
	complete.clock_ms = rig_clock;
	complete.clock_arg = rig;
	err = ouro_hub_create(&rig->hub, &complete);
	assert(!err);
	for (size_t i = 0; i < RIG_LOOPS; i++) {
		err = ouro_hub_loop_create(rig->hub, wake, &rig->loops[i], &rig->loops[i].loop);
		assert(!err);
	}
	(void)err;
}

void rig_fini(struct rig *rig)
{
	rig_run(rig);
	for (size_t i = 0; i < RIG_LOOPS; i++) {
		ouro_hub_loop_close(rig->loops[i].loop);
		ouro_hub_loop_destroy(rig->loops[i].loop);
	}
	ouro_hub_destroy(rig->hub);
}

void rig_run_loop(struct rig *rig, size_t index)
{
	rig->loops[index].is_rung = false;
	ouro_hub_loop_run(rig->loops[index].loop);
}

unsigned rig_run(struct rig *rig)
{
	unsigned runs = 0;
	bool any = true;

	while (any) {
		any = false;
		for (size_t i = 0; i < RIG_LOOPS; i++)
			if (rig->loops[i].is_rung) {
				rig_run_loop(rig, i);
				any = true;
				runs++;
			}
	}
	return runs;
}

int rig_publish(struct rig *rig, const char *topic, const char *data)
{
	return ouro_hub_publish(rig->hub, ouro_str_c(topic),
				&(struct ouro_hub_content){ .data = ouro_str_c(data) });
}

static void tell(struct rig_subscriber *subscriber, struct ouro_str what)
{
	assert(what.len + 1 <= sizeof(subscriber->told) - subscriber->told_len - 1);
	memcpy(subscriber->told + subscriber->told_len, what.ptr, what.len);
	subscriber->told_len += what.len;
	subscriber->told[subscriber->told_len++] = ' ';
	subscriber->told[subscriber->told_len] = '\0';
}

static void on_message(struct ouro_subscription *sub, const struct ouro_hub_message *message,
		       struct ouro_slice bytes)
{
	struct rig_subscriber *subscriber = (struct rig_subscriber *)(void *)sub;

	tell(subscriber, ouro_str(bytes.ptr, bytes.len));
	subscriber->last = ouro_hub_message_stamp(message);
	if (subscriber->keeps && !subscriber->kept)
		subscriber->kept = ouro_buf_ref(bytes.buf);
	if (subscriber->then)
		subscriber->then(subscriber);
}

static void on_gap(struct ouro_subscription *sub, struct ouro_hub_id up_to)
{
	struct rig_subscriber *subscriber = (struct rig_subscriber *)(void *)sub;

	tell(subscriber, OURO_STR("gap"));
	subscriber->gap = up_to;
	subscriber->gap_count++;
	if (subscriber->then)
		subscriber->then(subscriber);
}

const struct ouro_subscriber_ops rig_subscriber_ops = {
	.on_message = on_message,
	.on_gap = on_gap,
};

int rig_subscribe_after(struct rig *rig, size_t loop, const char *topic,
			struct rig_subscriber *subscriber, const char *after)
{
	return ouro_hub_subscribe(rig->loops[loop].loop, ouro_str_c(topic), &subscriber->sub,
				  &(struct ouro_subscription_options){
					  .ops = &rig_subscriber_ops,
					  .after = ouro_str_c(after),
				  });
}

int rig_subscribe(struct rig *rig, size_t loop, const char *topic,
		  struct rig_subscriber *subscriber)
{
	return rig_subscribe_after(rig, loop, topic, subscriber, NULL);
}
