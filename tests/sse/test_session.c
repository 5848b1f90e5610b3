/* Sessions: heartbeats, and each way with readers that are slow. */
#include "sse/session.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Takes everything, and has as much pending as the test says. Written down are the data of
 * events, a blank behind each, and "+" for a flush. */
struct paper {
	char text[8192];
	size_t len;
	size_t pending;
	bool holds; /* what is written becomes pending */
	int write_error, flush_error;
};

static struct paper paper;
static struct ouro_sse_kind kind;
static struct ouro_sse_session session;

static int paper_write(struct ouro_sse_session *writer, struct ouro_slice slice)
{
	if (paper.write_error)
		return paper.write_error;
	cr_assert_eq(writer, &session);
	if (slice.len > 8 && memcmp(slice.ptr, "data: ", 6) == 0) {
		memcpy(paper.text + paper.len, slice.ptr + 6, slice.len - 8);
		paper.len += slice.len - 8;
	} else {
		cr_assert_eq(slice.len, 3);
		paper.text[paper.len++] = ':';
	}
	paper.text[paper.len++] = ' ';
	if (paper.holds)
		paper.pending += slice.len;
	return 0;
}

static int paper_flush(struct ouro_sse_session *writer)
{
	(void)writer;
	paper.text[paper.len++] = '+';
	return paper.flush_error;
}

static size_t paper_pending(const struct ouro_sse_session *writer)
{
	(void)writer;
	return paper.pending;
}

static const struct ouro_sse_writer_ops paper_ops = { paper_write, paper_flush, paper_pending };

static void expect_written(const char *expected)
{
	paper.text[paper.len] = '\0';
	cr_expect_str_eq(paper.text, expected);
}

static void init_at(const struct ouro_sse_session_options *options, uint32_t now_ms)
{
	cr_assert_eq(ouro_sse_kind_init(&kind, &paper_ops, options), 0);
	ouro_sse_session_init(&session, &kind, now_ms);
}

static void init(const struct ouro_sse_session_options *options)
{
	init_at(options, 0);
}

static void fini(void)
{
	ouro_sse_session_fini(&session);
	ouro_sse_kind_fini(&kind);
}

static int send_key(const char *data, const char *key, uint32_t now_ms)
{
	struct ouro_sse_encoded encoded;
	int result;

	cr_assert_eq(ouro_sse_event_encode(&(struct ouro_sse_event){ .data = ouro_str_c(data),
								     .key = ouro_str_c(key) },
					   &encoded),
		     0);
	result = ouro_sse_session_send(&session, &encoded, now_ms);
	ouro_buf_unref(encoded.bytes.buf);
	return result;
}

static int send_data(const char *data)
{
	return send_key(data, NULL, 0);
}

static void block(void)
{
	paper.pending = OURO_SSE_PENDING_BYTES_DEFAULT;
}

static int drain(void)
{
	paper.pending = 0;
	return ouro_sse_session_drain(&session, 0);
}

/* ---- Writing ---- */

Test(sse_session, an_event_is_written_and_flushed_at_once)
{
	init(&(struct ouro_sse_session_options){ 0 });
	cr_expect(ouro_sse_session_is_free(&session));
	cr_expect_eq(send_data("a"), 0);
	cr_expect_eq(send_data("b"), 0);
	expect_written("a +b +");
	fini();
}

Test(sse_session, what_waits_goes_in_order_with_one_flush)
{
	init(&(struct ouro_sse_session_options){ 0 });
	block();
	cr_expect_not(ouro_sse_session_is_free(&session));
	for (int i = 0; i < 20; i++) {
		char data[8];

		sprintf(data, "%d", i);
		cr_expect_eq(send_data(data), 0);
	}
	expect_written("");
	cr_expect_eq(session.waiting_count, 20);
	cr_expect_eq(drain(), 0);
	expect_written("0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 +");
	cr_expect_eq(session.waiting_count, 0);
	cr_expect_null(session.backlog, "an idle session holds nothing");
	fini();
}

Test(sse_session, nothing_overtakes_what_waits)
{
	init(&(struct ouro_sse_session_options){ 0 });
	block();
	send_data("a");
	paper.pending = 0;
	send_data("b");
	expect_written("a +b +");
	fini();
}

Test(sse_session, a_drain_stops_when_the_writer_is_full_again)
{
	init(&(struct ouro_sse_session_options){ .pending_bytes_max = 18 });
	paper.pending = 18;
	send_data("a");
	send_data("b");
	send_data("c");
	paper.holds = true;
	drain();
	expect_written("a b +");
	drain();
	expect_written("a b +c +");
	fini();
}

Test(sse_session, the_writers_error_ends_it)
{
	init(&(struct ouro_sse_session_options){ 0 });
	paper.write_error = -ECONNRESET;
	cr_expect_eq(send_data("a"), -ECONNRESET);
	cr_expect_eq(session.state, OURO_SSE_FAILED);
	paper.write_error = 0;
	cr_expect_eq(send_data("b"), -ECONNRESET);
	cr_expect_eq(drain(), -ECONNRESET);
	cr_expect_eq(ouro_sse_session_tick(&session, 100000), -ECONNRESET);
	ouro_sse_session_end(&session);
	cr_expect_eq(session.state, OURO_SSE_FAILED);
	expect_written("");
	fini();
}

Test(sse_session, an_error_of_the_flush_ends_it_too)
{
	init(&(struct ouro_sse_session_options){ 0 });
	block();
	send_data("a");
	send_data("b");
	paper.flush_error = -EPIPE;
	cr_expect_eq(drain(), -EPIPE);
	cr_expect_eq(session.error, -EPIPE);
	fini();
}

Test(sse_session, an_error_in_a_drain_drops_what_waits)
{
	init(&(struct ouro_sse_session_options){ 0 });
	block();
	send_data("a");
	send_data("b");
	paper.write_error = -EPIPE;
	cr_expect_eq(drain(), -EPIPE);
	cr_expect_eq(session.waiting_count, 0);
	fini();
}

/* ---- Its end ---- */

Test(sse_session, it_ends_when_what_waits_is_written)
{
	init(&(struct ouro_sse_session_options){ 0 });
	block();
	send_data("a");
	ouro_sse_session_end(&session);
	ouro_sse_session_end(&session);
	cr_expect_eq(session.state, OURO_SSE_ENDING);
	cr_expect_eq(send_data("b"), -EPIPE);
	cr_expect_eq(drain(), 0);
	cr_expect_eq(session.state, OURO_SSE_ENDED);
	expect_written("a +");
	cr_expect_eq(send_data("b"), -EPIPE);
	fini();
}

Test(sse_session, it_ends_at_once_when_nothing_waits)
{
	uint32_t due_ms;

	init(&(struct ouro_sse_session_options){ 0 });
	ouro_sse_session_end(&session);
	cr_expect_eq(session.state, OURO_SSE_ENDED);
	cr_expect_not(ouro_sse_session_due(&session, &due_ms));
	cr_expect_not(ouro_sse_session_is_free(&session));
	fini();
}

Test(sse_session, it_may_go_while_something_waits)
{
	init(&(struct ouro_sse_session_options){ 0 });
	block();
	send_data("a");
	fini();
	expect_written("");
}

/* ---- Heartbeats ---- */

Test(sse_session, silence_is_broken_by_a_comment)
{
	uint32_t due_ms;

	init(&(struct ouro_sse_session_options){ .heartbeat_ms = 100 });
	cr_expect(ouro_sse_session_due(&session, &due_ms));
	cr_expect_eq(due_ms, 100);
	ouro_sse_session_tick(&session, 99);
	expect_written("");
	ouro_sse_session_tick(&session, 100);
	expect_written(": +");
	send_key("a", NULL, 150);
	ouro_sse_session_due(&session, &due_ms);
	cr_expect_eq(due_ms, 250, "an event is one as well");
	ouro_sse_session_tick(&session, 249);
	ouro_sse_session_tick(&session, 250);
	expect_written(": +a +: +");
	fini();
}

Test(sse_session, the_clock_may_pass_its_end)
{
	uint32_t due_ms;

	init_at(&(struct ouro_sse_session_options){ .heartbeat_ms = 100 }, UINT32_MAX - 49);
	cr_expect(ouro_sse_session_due(&session, &due_ms));
	cr_expect_eq(due_ms, 50);
	ouro_sse_session_tick(&session, UINT32_MAX);
	expect_written("");
	ouro_sse_session_tick(&session, 50);
	expect_written(": +");
	fini();
}

Test(sse_session, no_comment_is_sent_while_bytes_are_on_their_way)
{
	uint32_t due_ms;

	init(&(struct ouro_sse_session_options){ .heartbeat_ms = 100 });
	paper.pending = 1;
	ouro_sse_session_tick(&session, 100);
	expect_written("");
	ouro_sse_session_due(&session, &due_ms);
	cr_expect_eq(due_ms, 200);
	paper.pending = 0;
	ouro_sse_session_tick(&session, 200);
	expect_written(": +");
	fini();
}

Test(sse_session, a_tick_drains_as_well)
{
	init(&(struct ouro_sse_session_options){ .heartbeat_ms = 100 });
	block();
	send_data("a");
	paper.pending = 0;
	ouro_sse_session_tick(&session, 100);
	expect_written("a +");
	fini();
}

Test(sse_session, heartbeats_can_be_off)
{
	uint32_t due_ms;

	init(&(struct ouro_sse_session_options){ .heartbeat_ms = OURO_SSE_NO_HEARTBEAT });
	cr_expect_not(ouro_sse_session_due(&session, &due_ms));
	ouro_sse_session_tick(&session, 1000000);
	expect_written("");
	fini();
}

Test(sse_session, a_heartbeat_that_fails_ends_it)
{
	init(&(struct ouro_sse_session_options){ .heartbeat_ms = 100 });
	paper.write_error = -EPIPE;
	cr_expect_eq(ouro_sse_session_tick(&session, 100), -EPIPE);
	fini();
}

static int try_options(struct ouro_sse_session_options options)
{
	return ouro_sse_kind_init(&kind, &paper_ops, &options);
}

Test(sse_session, options_have_a_range)
{
	cr_expect_eq(try_options((struct ouro_sse_session_options){
			     .backlog_count_max = OURO_SSE_BACKLOG_COUNT_MAX + 1 }),
		     -EINVAL);
	cr_expect_eq(try_options((struct ouro_sse_session_options){
			     .heartbeat_ms = (uint32_t)INT32_MAX + 1 }),
		     -EINVAL);
	cr_expect_eq(try_options(
			     (struct ouro_sse_session_options){ .slow = (enum ouro_sse_slow)5 }),
		     -EINVAL);
}

/* ---- Slow readers ---- */

static struct ouro_slice gap_event(void)
{
	return (struct ouro_slice){ "data: gap\n\n", 11, NULL };
}

/* Three may wait; 1 to 5 are sent while the writer is full. Returns the last one's result. */
static int send_five(enum ouro_sse_slow slow)
{
	int result = 0;
	char data[2] = "1";

	init(&(struct ouro_sse_session_options){
		.slow = slow, .backlog_count_max = 3, .gap = gap_event() });
	block();
	for (; data[0] <= '5'; data[0]++)
		result = send_data(data);
	return result;
}

Test(sse_session, who_sends_can_be_made_to_wait)
{
	cr_expect_eq(send_five(OURO_SSE_SLOW_WAIT), -EAGAIN);
	drain();
	expect_written("1 2 3 +");
	cr_expect_eq(session.dropped_count, 0);
	cr_expect_eq(send_data("4"), 0);
	expect_written("1 2 3 +4 +");
	fini();
}

Test(sse_session, the_newest_can_be_dropped)
{
	cr_expect_eq(send_five(OURO_SSE_SLOW_DROP_NEWEST), 0);
	drain();
	send_data("6");
	expect_written("1 2 3 +gap 6 +");
	cr_expect_eq(session.dropped_count, 2);
	fini();
}

Test(sse_session, where_the_newest_were_dropped_stays_known_in_the_backlog)
{
	send_five(OURO_SSE_SLOW_DROP_NEWEST);
	kind.options.pending_bytes_max = 9;
	paper.holds = true;
	drain();
	send_data("6");
	kind.options.pending_bytes_max = 1000;
	drain();
	expect_written("1 +2 3 gap 6 +");
	fini();
}

Test(sse_session, what_was_not_offered_is_missing)
{
	init(&(struct ouro_sse_session_options){ .gap = { "data: gap\n\n", 11, NULL } });
	cr_expect_eq(send_data("a"), 0);
	ouro_sse_session_skip(&session);
	cr_expect_eq(session.dropped_count, 1);
	cr_expect_eq(send_data("b"), 0);
	expect_written("a +gap b +");
	fini();
}

Test(sse_session, the_oldest_can_be_dropped)
{
	cr_expect_eq(send_five(OURO_SSE_SLOW_DROP_OLDEST), 0);
	drain();
	expect_written("gap 3 4 5 +");
	cr_expect_eq(session.dropped_count, 2);
	fini();
}

Test(sse_session, the_reader_can_be_given_up)
{
	cr_expect_eq(send_five(OURO_SSE_SLOW_CLOSE), -ENOBUFS);
	cr_expect_eq(session.state, OURO_SSE_FAILED);
	cr_expect_eq(session.waiting_count, 0);
	expect_written("");
	fini();
}

Test(sse_session, what_waits_is_bounded_by_bytes)
{
	/* Each of them has nine. */
	init(&(struct ouro_sse_session_options){ .slow = OURO_SSE_SLOW_WAIT,
						 .backlog_bytes_max = 20 });
	block();
	cr_expect_eq(send_data("1"), 0);
	cr_expect_eq(send_data("2"), 0);
	cr_expect_eq(send_data("3"), -EAGAIN);
	fini();
}

Test(sse_session, an_event_larger_than_the_backlog_waits_alone)
{
	init(&(struct ouro_sse_session_options){ .slow = OURO_SSE_SLOW_DROP_OLDEST,
						 .backlog_bytes_max = 20 });
	block();
	send_data("1");
	send_data("2");
	send_data("a long event of more than twenty bytes");
	cr_expect_eq(session.waiting_count, 1);
	send_data("3");
	drain();
	expect_written("3 +");
	cr_expect_eq(session.dropped_count, 3);
	fini();
}

Test(sse_session, the_gap_is_told_though_all_that_waited_was_dropped)
{
	init(&(struct ouro_sse_session_options){
		.slow = OURO_SSE_SLOW_DROP_OLDEST, .backlog_count_max = 1, .gap = gap_event() });
	block();
	send_data("1");
	send_data("2");
	drain();
	expect_written("gap 2 +");
	fini();
}

static void init_coalescing(uint32_t count_max)
{
	init(&(struct ouro_sse_session_options){ .slow = OURO_SSE_SLOW_COALESCE,
						 .backlog_count_max = count_max,
						 .gap = gap_event() });
	block();
}

Test(sse_session, of_one_key_the_newest_waits)
{
	init_coalescing(4);
	send_key("a1", "a", 0);
	send_key("b1", "b", 0);
	send_key("a2", "a", 0);
	send_data("x");
	send_data("y");
	send_key("a3", "a", 0);
	drain();
	expect_written("b1 x y a3 +");
	cr_expect_eq(session.coalesced_count, 2);
	cr_expect_eq(session.dropped_count, 0);
	fini();
}

Test(sse_session, coalescing_drops_the_oldest_when_all_are_different)
{
	init_coalescing(2);
	send_key("a1", "a", 0);
	send_key("b1", "b", 0);
	send_key("c1", "c", 0);
	send_key("b2", "b", 0);
	drain();
	expect_written("gap c1 b2 +");
	cr_expect_eq(session.dropped_count, 1);
	cr_expect_eq(session.coalesced_count, 1);
	fini();
}

Test(sse_session, a_gap_stays_though_the_event_behind_it_was_replaced)
{
	init_coalescing(3);
	send_key("a1", "a", 0);
	send_key("b1", "b", 0);
	send_key("c1", "c", 0);
	send_key("d1", "d", 0);
	send_key("c2", "c", 0);
	send_key("b2", "b", 0);
	drain();
	expect_written("gap d1 c2 b2 +");
	fini();
}

Test(sse_session, a_gap_before_the_only_event_stays_when_it_is_replaced)
{
	init_coalescing(1);
	send_key("a1", "a", 0);
	send_key("b1", "b", 0);
	send_key("b2", "b", 0);
	drain();
	expect_written("gap b2 +");
	fini();
}

Test(sse_session, coalescing_for_long_takes_no_more_memory)
{
	char data[16], key[2] = "a";

	init_coalescing(100);
	for (int i = 0; i < 10000; i++) {
		sprintf(data, "%d", i);
		key[0] = (char)('a' + i % 7);
		cr_assert_eq(send_key(data, key, 0), 0);
		cr_assert_leq(ouro_sse_session_room(&session), 256);
	}
	cr_expect_eq(session.waiting_count, 7);
	drain();
	expect_written("9993 9994 9995 9996 9997 9998 9999 +");
	fini();
}

/* ---- Against a model ---- */

enum { MODEL_EVENTS_MAX = 16 };

struct model {
	int data[MODEL_EVENTS_MAX], key[MODEL_EVENTS_MAX];
	bool gap[MODEL_EVENTS_MAX], is_after_gap;
	int count, count_max;
	char text[8192];
	size_t len;
};

static void model_write(struct model *model, int data, bool gap)
{
	model->len += (size_t)sprintf(model->text + model->len, "%s%d ", gap ? "gap " : "", data);
}

static void model_remove(struct model *model, int index)
{
	model->count--;
	for (int i = index; i < model->count; i++) {
		model->data[i] = model->data[i + 1];
		model->key[i] = model->key[i + 1];
		model->gap[i] = model->gap[i + 1];
	}
}

/* Takes an event out, what was lost before it being lost before the next. */
static void model_lose(struct model *model, int index, bool gap)
{
	gap |= model->gap[index];
	model_remove(model, index);
	if (!gap)
		return;
	if (index < model->count)
		model->gap[index] = true;
	else
		model->is_after_gap = true;
}

static void model_send(struct model *model, enum ouro_sse_slow slow, int data, int key, bool full)
{
	if (!full && model->count == 0) {
		model_write(model, data, model->is_after_gap);
		model->is_after_gap = false;
		return;
	}
	for (int i = 0; slow == OURO_SSE_SLOW_COALESCE && key && i < model->count; i++)
		if (model->key[i] == key) {
			model_lose(model, i, false);
			break;
		}
	if (model->count == model->count_max && slow == OURO_SSE_SLOW_DROP_NEWEST) {
		model->is_after_gap = true;
		return;
	}
	if (model->count == model->count_max && slow == OURO_SSE_SLOW_WAIT)
		return;
	if (model->count == model->count_max)
		model_lose(model, 0, true);
	model->data[model->count] = data;
	model->key[model->count] = key;
	model->gap[model->count] = model->is_after_gap;
	model->count++;
	model->is_after_gap = false;
}

static void model_drain(struct model *model)
{
	while (model->count > 0) {
		model_write(model, model->data[0], model->gap[0]);
		model_remove(model, 0);
	}
}

static void remove_flushes(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < paper.len; i++)
		if (paper.text[i] != '+')
			paper.text[kept++] = paper.text[i];
	paper.len = kept;
}

static void play_random(unsigned seed, enum ouro_sse_slow slow)
{
	struct model model = { .count_max = 1 + (int)(seed % 9) };
	char data[16], key[2] = "?";

	paper = (struct paper){ 0 };
	srand(seed);
	init(&(struct ouro_sse_session_options){
		.slow = slow, .backlog_count_max = (uint32_t)model.count_max, .gap = gap_event() });
	for (int i = 0; i < 300; i++) {
		int which = rand() % 6;

		if (rand() % 12 == 0) {
			paper.pending = 0;
			model_drain(&model);
			cr_assert_eq(ouro_sse_session_drain(&session, 0), 0);
		} else if (rand() % 6 == 0) {
			block();
		}
		sprintf(data, "%d", i);
		key[0] = (char)('0' + which);
		model_send(&model, slow, i, which, paper.pending > 0);
		send_key(data, which ? key : NULL, 0);
		cr_assert_eq(session.waiting_count, (uint32_t)model.count, "seed %u", seed);
	}
	model_drain(&model);
	drain();
	remove_flushes();
	model.text[model.len] = '\0';
	expect_written(model.text);
	fini();
}

Test(sse_session, it_does_what_a_plain_model_does)
{
	for (unsigned seed = 1; seed <= 200; seed++) {
		play_random(seed, OURO_SSE_SLOW_WAIT);
		play_random(seed, OURO_SSE_SLOW_DROP_NEWEST);
		play_random(seed, OURO_SSE_SLOW_DROP_OLDEST);
		play_random(seed, OURO_SSE_SLOW_COALESCE);
	}
}
