/* The command line of ouro-load. */
#include "load.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum {
	CYCLES_MAX = 10000,
	CONNECTIONS_MAX = 20000,
	STREAMS_HALF = CONNECTIONS_MAX + 1,
	BODY_BYTES_MAX = 1 << 20,
	RATE_MAX = 10000000,
	/* A broadcast message begins with its number, and is a line of an event stream. */
	BROADCAST_BYTES_MIN = 20,
	BROADCAST_BYTES_MAX = 240,
};

static _Noreturn void usage(void)
{
	fputs("usage: ouro-load --server NAME=HOST:PORT,PID[+PID..] .. [--pair NAME/NAME ..]\n"
	      "  --mode keep-alive|close  a connection for all requests (default), or for one\n"
	      "  --mode ws                WebSocket messages, which are to come back\n"
	      "  --mode broadcast         messages to all subscribers of a topic\n"
	      "  --connections N          at the same time, per server (64)\n"
	      "  --pipeline N             requests or messages at once on a connection, messages\n"
	      "                           at once on their way to a topic (1)\n"
	      "  --path PATH              what is asked for (/plaintext, of a POST /echo; /ws/echo)\n"
	      "  --request get|post|post-chunked|mix\n"
	      "                           mix: in turn on each connection GET /plaintext, POST /echo\n"
	      "                           with a length, POST /echo in chunks (get)\n"
	      "  --body-bytes N           of a POST (1024)\n"
	      "  --requests-per-connection N  and then the load ends it, and makes another\n"
	      "  --reset                  .. by RST, not by FIN\n"
	      "  --rate R                 open loop: R requests a second in all, when they are due;\n"
	      "                           times count from then on, waiting for a free connection too\n"
	      "  --poisson                .. with exponential gaps, not equal ones\n"
	      "  --tolerate               errors are counted and shown, and the run goes on\n"
	      "  --message-bytes N        ws, broadcast: of a message (64)\n"
	      "  --text                   ws: messages are text, not binary\n"
	      "  --streams N              broadcast: subscribers that are event streams (half)\n"
	      "  --publishes N            broadcast: messages of a slice (3)\n"
	      "  --discard                bodies are counted and dropped, not compared\n"
	      "  --cycles N               a cycle is one slice per server (40)\n"
	      "  --warmup N               cycles before those that count (2)\n"
	      "  --slice-ms N             length of a slice (90)\n"
	      "  --cycle-ms N             a cycle takes so long at least (0)\n"
	      "  --seed N                 of the order of the slices (1)\n"
	      "  --out FILE               raw data and summary, one JSON object per line\n"
	      "The CPU time of a pair is compared within each cycle; its ratio is the median.\n",
	      stderr);
	exit(2);
}

static unsigned long number(const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < min || value > max)
		usage();
	return value;
}

static void add_pids(struct target_options *opt, char *list)
{
	char *next;

	for (; list; list = next) {
		next = strchr(list, '+');
		if (next)
			*next++ = '\0';
		if (opt->pid_count == TARGET_PROCESSES_MAX)
			usage();
		opt->pids[opt->pid_count++] = (pid_t)number(list, 1, 1ul << 30);
	}
}

/* Cuts `NAME=HOST:PORT,PID+PID..`. The argument is the program's own to write to. */
static void add_server(struct load *load, char *arg)
{
	char *host = strchr(arg, '=');
	char *port = host ? strchr(host, ':') : NULL;
	char *pid = port ? strchr(port, ',') : NULL;

	if (!pid || load->target_count == TARGETS_MAX)
		usage();
	*host++ = '\0';
	*port++ = '\0';
	*pid++ = '\0';
	struct target_options *opt = &load->targets[load->target_count++];
	opt->name = arg;
	opt->host = host;
	opt->port = (uint16_t)number(port, 1, 65535);
	add_pids(opt, pid);
}

static void add_pair(struct load *load, char *arg)
{
	char *b = strchr(arg, '/');

	if (!b || load->pair_count == PAIRS_MAX)
		usage();
	*b++ = '\0';
	load->pairs[load->pair_count++] = (struct pair){ arg, b };
}

enum {
	OPTION_SERVER = 1,
	OPTION_PAIR,
	OPTION_MODE,
	OPTION_CONNECTIONS,
	OPTION_PIPELINE,
	OPTION_PATH,
	OPTION_DISCARD,
	OPTION_REQUEST,
	OPTION_BODY_BYTES,
	OPTION_REQUESTS_PER_CONNECTION,
	OPTION_RESET,
	OPTION_RATE,
	OPTION_POISSON,
	OPTION_TOLERATE,
	OPTION_MESSAGE_BYTES,
	OPTION_TEXT,
	OPTION_STREAMS,
	OPTION_PUBLISHES,
	OPTION_CYCLES,
	OPTION_WARMUP,
	OPTION_SLICE_MS,
	OPTION_CYCLE_MS,
	OPTION_SEED,
	OPTION_OUT,
};

static const struct option options[] = {
	{ "server", required_argument, NULL, OPTION_SERVER },
	{ "pair", required_argument, NULL, OPTION_PAIR },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "connections", required_argument, NULL, OPTION_CONNECTIONS },
	{ "pipeline", required_argument, NULL, OPTION_PIPELINE },
	{ "path", required_argument, NULL, OPTION_PATH },
	{ "discard", no_argument, NULL, OPTION_DISCARD },
	{ "request", required_argument, NULL, OPTION_REQUEST },
	{ "body-bytes", required_argument, NULL, OPTION_BODY_BYTES },
	{ "requests-per-connection", required_argument, NULL, OPTION_REQUESTS_PER_CONNECTION },
	{ "reset", no_argument, NULL, OPTION_RESET },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "poisson", no_argument, NULL, OPTION_POISSON },
	{ "tolerate", no_argument, NULL, OPTION_TOLERATE },
	{ "message-bytes", required_argument, NULL, OPTION_MESSAGE_BYTES },
	{ "text", no_argument, NULL, OPTION_TEXT },
	{ "streams", required_argument, NULL, OPTION_STREAMS },
	{ "publishes", required_argument, NULL, OPTION_PUBLISHES },
	{ "cycles", required_argument, NULL, OPTION_CYCLES },
	{ "warmup", required_argument, NULL, OPTION_WARMUP },
	{ "slice-ms", required_argument, NULL, OPTION_SLICE_MS },
	{ "cycle-ms", required_argument, NULL, OPTION_CYCLE_MS },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "out", required_argument, NULL, OPTION_OUT },
	{ NULL, 0, NULL, 0 },
};

static void set_mode(struct target_options *common, const char *mode)
{
	common->close = !strcmp(mode, "close");
	if (!strcmp(mode, "ws"))
		common->kind = TARGET_ECHO;
	else if (!strcmp(mode, "broadcast"))
		common->kind = TARGET_BROADCAST;
	else if (!common->close && strcmp(mode, "keep-alive"))
		usage();
}

static enum target_request request_of(const char *name)
{
	static const char *const names[] = {
		[TARGET_GET] = "get",
		[TARGET_POST] = "post",
		[TARGET_POST_CHUNKED] = "post-chunked",
		[TARGET_MIX] = "mix",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return (enum target_request)i;
	usage();
}

static double rate_of(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0 && value <= RATE_MAX))
		usage();
	return value;
}

/* An option of all servers that is of HTTP alone; false: it is none. */
static bool set_http(struct target_options *common, int option)
{
	switch (option) {
	case OPTION_DISCARD:
		common->discard = true;
		return true;
	case OPTION_REQUEST:
		common->request = request_of(optarg);
		return true;
	case OPTION_BODY_BYTES:
		common->body_bytes = (unsigned)number(optarg, 1, BODY_BYTES_MAX);
		return true;
	case OPTION_REQUESTS_PER_CONNECTION:
		common->requests_per_connection = (unsigned)number(optarg, 1, 1u << 30);
		return true;
	case OPTION_RESET:
		common->reset = true;
		return true;
	case OPTION_RATE:
		common->rate = rate_of(optarg);
		return true;
	case OPTION_POISSON:
		common->poisson = true;
		return true;
	case OPTION_TOLERATE:
		common->tolerate = true;
		return true;
	default:
		return false;
	}
}

/* An option of all servers; false: it is none. */
static bool set_common(struct target_options *common, int option)
{
	switch (option) {
	case OPTION_MODE:
		set_mode(common, optarg);
		return true;
	case OPTION_CONNECTIONS:
		common->connection_count = (unsigned)number(optarg, 1, CONNECTIONS_MAX);
		return true;
	case OPTION_PIPELINE:
		common->pipeline = (unsigned)number(optarg, 1, 128);
		return true;
	case OPTION_PATH:
		common->path = optarg;
		return true;
	case OPTION_MESSAGE_BYTES:
		common->message_bytes = (unsigned)number(optarg, 1, 1 << 20);
		return true;
	case OPTION_TEXT:
		common->text = true;
		return true;
	case OPTION_STREAMS:
		common->stream_count = (unsigned)number(optarg, 0, CONNECTIONS_MAX);
		return true;
	case OPTION_PUBLISHES:
		common->publish_count = (unsigned)number(optarg, 1, 10000);
		return true;
	default:
		return set_http(common, option);
	}
}

static void set_load(struct load *load, int option)
{
	switch (option) {
	case OPTION_SERVER:
		add_server(load, optarg);
		break;
	case OPTION_PAIR:
		add_pair(load, optarg);
		break;
	case OPTION_CYCLES:
		load->cycle_count = (unsigned)number(optarg, 1, CYCLES_MAX);
		break;
	case OPTION_WARMUP:
		load->warmup_count = (unsigned)number(optarg, 0, CYCLES_MAX);
		break;
	case OPTION_SLICE_MS:
		load->slice_ns = number(optarg, 1, 10000) * 1000000;
		break;
	case OPTION_CYCLE_MS:
		load->cycle_ns = number(optarg, 0, 60000) * 1000000;
		break;
	case OPTION_SEED:
		load->seed = number(optarg, 1, ~0ul);
		break;
	case OPTION_OUT:
		load->out = fopen(optarg, "we");
		if (!load->out)
			load_fail(optarg);
		break;
	default:
		usage();
	}
}

/* Whether what is of HTTP alone makes sense. */
static bool is_http_right(const struct target_options *common)
{
	bool kept = !common->close && common->requests_per_connection == 0;

	if (common->close && (common->pipeline > 1 || common->requests_per_connection))
		return false;
	if (common->discard && (!kept || common->pipeline > 1))
		return false;
	if (common->request == TARGET_MIX && (common->pipeline > 1 || common->path))
		return false;
	if (common->rate > 0 && common->pipeline > 1)
		return false;
	return (!common->reset || common->requests_per_connection) &&
	       (!common->poisson || common->rate > 0) &&
	       common->requests_per_connection % common->pipeline == 0;
}

static bool is_broadcast_right(const struct target_options *common)
{
	return common->message_bytes >= BROADCAST_BYTES_MIN &&
	       common->message_bytes <= BROADCAST_BYTES_MAX &&
	       common->stream_count <= common->connection_count;
}

static bool has_http_options(const struct target_options *common)
{
	return common->discard || common->request != TARGET_GET || common->reset ||
	       common->requests_per_connection || common->rate > 0 || common->poisson ||
	       common->tolerate;
}

/* Whether @common makes sense; what was left out is filled in. */
static bool complete_common(struct target_options *common)
{
	bool http = common->kind == TARGET_HTTP;

	if (http ? !is_http_right(common) : has_http_options(common))
		return false;
	if (!common->path)
		common->path = !http                           ? "/ws/echo"
			       : common->request == TARGET_GET ? "/plaintext"
							       : "/echo";
	if (common->stream_count == STREAMS_HALF)
		common->stream_count = common->connection_count / 2;
	return common->kind != TARGET_BROADCAST || is_broadcast_right(common);
}

void load_options_parse(struct load *load, int argc, char **argv)
{
	struct target_options common = { .connection_count = 64,
					 .pipeline = 1,
					 .message_bytes = 64,
					 .body_bytes = 1024,
					 .stream_count = STREAMS_HALF,
					 .publish_count = 3 };
	int option;

	*load = (struct load){
		.cycle_count = 40, .warmup_count = 2, .slice_ns = 90000000, .seed = 1
	};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!set_common(&common, option))
			set_load(load, option);
	if (!load->target_count || optind != argc || !complete_common(&common))
		usage();
	for (size_t i = 0; i < load->target_count; i++) {
		const struct target_options named = load->targets[i];
		load->targets[i] = common;
		load->targets[i].name = named.name;
		load->targets[i].host = named.host;
		load->targets[i].port = named.port;
		memcpy(load->targets[i].pids, named.pids, sizeof(named.pids));
		load->targets[i].pid_count = named.pid_count;
	}
}
