/* The request corpus that fuzzing starts from: the name of each file says what comes of it. It
 * begins with "good" where all requests are answered, "more" where the last is cut off, or the
 * status of the last, which is bad. */
#include "replay.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_BYTES_MAX 65536

static struct ouro_str read_input(const char *name)
{
	static char bytes[INPUT_BYTES_MAX];
	char path[1024];
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), OURO_CORPUS_DIR "/h1/%s", name);
	file = fopen(path, "rb");
	cr_assert(file, "%s cannot be read", path);
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	return ouro_str(bytes, len);
}

static void expect_last_line(const char *name, const char *text)
{
	size_t len = strlen(text);

	while (len > 1 && text[len - 2] != '\n')
		len--;
	if (len == 0 || strncmp(name, "good-", 5) == 0)
		cr_expect(text[len - 1] >= 'A' && text[len - 1] <= 'Z', "%s: %s", name, text);
	else if (strncmp(name, "more-", 5) == 0)
		cr_expect(strcmp(text + strlen(text) - 5, "more\n") == 0, "%s: %s", name, text);
	else
		cr_expect_eq(atoi(text + len - 1), atoi(name), "%s: %s", name, text);
}

Test(http1_corpus, every_file_gives_what_its_name_says)
{
	DIR *dir = opendir(OURO_CORPUS_DIR "/h1");
	struct dirent *entry;
	int count = 0;

	cr_assert(dir, "%s cannot be read", OURO_CORPUS_DIR);
	while ((entry = readdir(dir))) {
		/* What a fuzzer found has a number for a name. */
		if (entry->d_name[0] == '.' || !strchr(entry->d_name, '-'))
			continue;
		expect_last_line(entry->d_name, replay(read_input(entry->d_name), &replay_limits));
		count++;
	}
	closedir(dir);
	cr_expect(count >= 60);
}
