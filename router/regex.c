/* Regular expressions of parameters: see router/regex.h. */
#include "router/regex.h"

#include "base/str.h"
#include "router/router.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct ouro_regex {
	pcre2_code *code;
};

struct ouro_router_scratch {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack; /* NULL where PCRE2 makes no machine code */
};

/* The end of a value is its end, also after a line feed; an expression cannot switch to UTF. */
static const uint32_t compile_options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY |
					PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;

static int refuse(int code, size_t offset, char *message, size_t message_bytes)
{
	PCRE2_UCHAR text[128] = { 0 };

	if (code == PCRE2_ERROR_HEAP_FAILED)
		return -ENOMEM;
	pcre2_get_error_message(code, text, sizeof(text));
	if (message && message_bytes > 0)
		snprintf(message, message_bytes, "%s at offset %zu of the expression",
			 (const char *)text, offset);
	return -EINVAL;
}

int ouro_regex_create(struct ouro_str text, struct ouro_regex **out, char *message,
		      size_t message_bytes)
{
	struct ouro_regex *regex = malloc(sizeof(*regex));
	size_t offset;
	int code;

	if (!regex)
		return -ENOMEM;
	regex->code = pcre2_compile((PCRE2_SPTR)text.ptr, text.len, compile_options, &code, &offset,
				    NULL);
	if (!regex->code) {
		free(regex);
		return refuse(code, offset, message, message_bytes);
	}
	/* Where there is no machine code to be had, matches are interpreted. */
	pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
	*out = regex;
	return 0;
}

void ouro_regex_destroy(struct ouro_regex *regex)
{
	if (!regex)
		return;
	pcre2_code_free(regex->code);
	free(regex);
}

bool ouro_regex_match(const struct ouro_regex *regex, struct ouro_str value,
		      struct ouro_router_scratch *scratch)
{
	return pcre2_match(regex->code, (PCRE2_SPTR)value.ptr, value.len, 0, 0, scratch->data,
			   scratch->context) >= 0;
}

size_t ouro_regex_bytes(const struct ouro_regex *regex)
{
	size_t code = 0, machine_code = 0;

	pcre2_pattern_info(regex->code, PCRE2_INFO_SIZE, &code);
	pcre2_pattern_info(regex->code, PCRE2_INFO_JITSIZE, &machine_code);
	return sizeof(*regex) + code + machine_code;
}

struct ouro_router_scratch *ouro_regex_scratch_create(void)
{
	struct ouro_router_scratch *scratch = calloc(1, sizeof(*scratch));
	uint32_t has_jit = 0;

	if (!scratch)
		return NULL;
	scratch->data = pcre2_match_data_create(1, NULL);
	scratch->context = pcre2_match_context_create(NULL);
	if (!scratch->data || !scratch->context)
		goto destroy;
	pcre2_set_match_limit(scratch->context, OURO_REGEX_STEPS_MAX);
	pcre2_set_depth_limit(scratch->context, OURO_REGEX_STEPS_MAX);
	pcre2_set_heap_limit(scratch->context, OURO_REGEX_HEAP_KIB_MAX);
	pcre2_config(PCRE2_CONFIG_JIT, &has_jit);
	if (!has_jit)
		return scratch;
	scratch->stack =
		pcre2_jit_stack_create(32 * 1024, OURO_REGEX_STACK_KIB_MAX * (size_t)1024, NULL);
	if (!scratch->stack)
		goto destroy;
	pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
	return scratch;
destroy:
	ouro_router_scratch_destroy(scratch);
	return NULL;
}

void ouro_router_scratch_destroy(struct ouro_router_scratch *scratch)
{
	if (!scratch)
		return;
	pcre2_jit_stack_free(scratch->stack);
	pcre2_match_context_free(scratch->context);
	pcre2_match_data_free(scratch->data);
	free(scratch);
}
