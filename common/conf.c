/* SPDX-License-Identifier: MIT */
#include "common/conf.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

void
conf_init(struct conf *c, FILE *in, const char *name)
{
	memset(c, 0, sizeof(*c));
	c->in = in;
	c->name = name;
}

/* Cut blanks off both ends, in place. */
static char *
trim(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	n = strlen(s);
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}

/* One line into c->text without its end; 1, 0 at the end of the file, or -errno. */
static int
read_line(struct conf *c, struct err *err)
{
	size_t n = 0;
	int ch;

	while ((ch = getc(c->in)) != EOF && ch != '\n') {
		if (ch == '\0')
			return err_set(err,
			    "%s:%u: a NUL byte: this is not a text file", c->name,
			    c->line + 1);
		if (n == sizeof(c->text) - 1)
			return err_set(err, "%s:%u: line longer than %d bytes", c->name,
			    c->line + 1, CONF_LINE_MAX - 1);
		c->text[n++] = (char)ch;
	}
	if (ferror(c->in))
		return err_code(err, EIO, "%s: %s", c->name, strerror(errno));
	if (ch == EOF && n == 0)
		return 0;
	c->text[n] = '\0';
	c->line++;
	return 1;
}

static int
take_section(struct conf *c, char *s, struct err *err)
{
	size_t n = strlen(s);

	if (s[n - 1] != ']')
		return err_set(err, "%s:%u: no ']' at the end of %s", c->name, c->line,
		    s);
	s[n - 1] = '\0';
	s = trim(s + 1);
	if (!*s || strlen(s) >= sizeof(c->section))
		return err_set(err, "%s:%u: [%s] is not a section", c->name, c->line,
		    s);
	memcpy(c->section, s, strlen(s) + 1);
	return CONF_SECTION;
}

static int
take_key(struct conf *c, char *s, struct err *err)
{
	char *equals = strchr(s, '=');

	if (!equals)
		return err_set(err,
		    "%s:%u: expected [Section] or Key = Value, got %.80s", c->name,
		    c->line, s);
	*equals = '\0';
	c->key = trim(s);
	c->value = trim(equals + 1);
	if (!*c->section)
		return err_set(err, "%s:%u: %.80s stands before the first [Section]",
		    c->name, c->line, c->key);
	if (!*c->key || !*c->value)
		return err_set(err, "%s:%u: %.80s%s has no %s", c->name, c->line,
		    c->key, *c->key ? "" : "this line", *c->key ? "value" : "key");
	return CONF_KEY;
}

int
conf_next(struct conf *c, struct err *err)
{
	char *s;
	int r;

	while ((r = read_line(c, err)) > 0) {
		s = c->text;
		if (c->line == 1 && strncmp(s, "\xef\xbb\xbf", 3) == 0)
			s += 3; /* the byte order mark of Windows editors */
		s = trim(s);
		if (c->comments && *s == '#') {
			c->key = "";
			c->value = trim(s + 1);
			return CONF_COMMENT;
		}
		s[strcspn(s, "#")] = '\0';
		s = trim(s);
		if (*s)
			return *s == '[' ? take_section(c, s, err)
					 : take_key(c, s, err);
	}
	return r < 0 ? r : CONF_END;
}
