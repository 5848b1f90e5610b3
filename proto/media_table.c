/* Media types of files: see proto/media_table.h. */
#include "proto/media_table.h"

#include "base/str.h"
#include "proto/media_table_data.h"
#include "proto/param.h"

#include <stdint.h>

/* Bytes of an extension, those behind its end being NUL. There is one at least, so that no
 * extension in a name is cut to one in the table. */
enum { KEY_BYTES = 16 };

/* Apart from the types, so that a search touches nothing else. */
static const char keys[][KEY_BYTES] = {
#define KEY(extension, type) extension,
	OURO_MEDIA_TABLE(KEY)
#undef KEY
};

static const struct {
	const char *type;
	size_t len;
} types[] = {
#define TYPE(extension, type) { type, sizeof(type) - 1 },
	OURO_MEDIA_TABLE(TYPE)
#undef TYPE
};

/* What is behind the last dot of @name, as a key. False where it can be none. */
static bool key_of(struct ouro_str name, char key[KEY_BYTES])
{
	const char *dot = name.len > 0 ? memrchr(name.ptr, '.', name.len) : NULL;
	size_t len;

	if (!dot || dot == name.ptr)
		return false;
	len = name.len - (size_t)(dot - name.ptr) - 1;
	if (len >= KEY_BYTES)
		return false;
	memset(key, 0, KEY_BYTES);
	for (size_t i = 0; i < len; i++) {
		char c = dot[1 + i];

		if (c == '\0')
			return false;
		key[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	return true;
}

struct ouro_str ouro_media_type_of(struct ouro_str file_name)
{
	size_t low = 0, high = sizeof(keys) / sizeof(keys[0]);
	char key[KEY_BYTES];

	if (!key_of(file_name, key))
		return ouro_str(NULL, 0);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(key, keys[middle], KEY_BYTES);

		if (order == 0)
			return ouro_str(types[middle].type, types[middle].len);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return ouro_str(NULL, 0);
}

/* What else is not compressed in itself. */
static const struct ouro_str compressing[] = {
#define NAME(name) { name, sizeof(name) - 1 },
	/* clang-format off */
	NAME("application/ecmascript")
	NAME("application/geo+json-seq")
	NAME("application/javascript")
	NAME("application/json")
	NAME("application/json-seq")
	NAME("application/json5")
	NAME("application/jsonl")
	NAME("application/msword")
	NAME("application/n-quads")
	NAME("application/n-triples")
	NAME("application/ndjson")
	NAME("application/postscript")
	NAME("application/rtf")
	NAME("application/sparql-query")
	NAME("application/sql")
	NAME("application/toml")
	NAME("application/trig")
	NAME("application/vnd.apple.mpegurl")
	NAME("application/vnd.ms-excel")
	NAME("application/vnd.ms-fontobject")
	NAME("application/vnd.ms-opentype")
	NAME("application/vnd.ms-powerpoint")
	NAME("application/wasm")
	NAME("application/x-csh")
	NAME("application/x-font-ttf")
	NAME("application/x-javascript")
	NAME("application/x-ndjson")
	NAME("application/x-perl")
	NAME("application/x-ruby")
	NAME("application/x-sh")
	NAME("application/x-shar")
	NAME("application/x-tar")
	NAME("application/x-tcl")
	NAME("application/xml")
	NAME("application/xml-dtd")
	NAME("application/xml-external-parsed-entity")
	NAME("application/yaml")
	NAME("audio/mpegurl")
	NAME("font/collection")
	NAME("font/otf")
	NAME("font/ttf")
	NAME("message/rfc822")
	NAME("model/gltf-binary")
	NAME("model/iges")
	NAME("model/mtl")
	NAME("model/obj")
	NAME("model/stl")
	NAME("model/vrml")
/* clang-format on */
#undef NAME
};

static bool starts_nocase(struct ouro_str text, struct ouro_str prefix)
{
	return text.len >= prefix.len && ouro_str_eq_nocase(ouro_str(text.ptr, prefix.len), prefix);
}

static bool ends_nocase(struct ouro_str text, struct ouro_str suffix)
{
	return text.len >= suffix.len &&
	       ouro_str_eq_nocase(ouro_str(text.ptr + text.len - suffix.len, suffix.len), suffix);
}

bool ouro_media_type_compresses(struct ouro_str type)
{
	struct ouro_str name = ouro_param_subject(&type);

	if (starts_nocase(name, OURO_STR("text/")))
		return true;
	/* Suffixes that say what a type is built on (RFC 6839, RFC 9512). */
	if (ends_nocase(name, OURO_STR("+json")) || ends_nocase(name, OURO_STR("+xml")) ||
	    ends_nocase(name, OURO_STR("+yaml")))
		return true;
	if (starts_nocase(name, OURO_STR("image/")) || starts_nocase(name, OURO_STR("video/")))
		return false;
	for (size_t i = 0; i < sizeof(compressing) / sizeof(compressing[0]); i++)
		if (ouro_str_eq_nocase(name, compressing[i]))
			return true;
	return false;
}
