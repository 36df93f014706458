/* SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The least a program can do for each message of a queue directory: the yardstick of the benchmark.
 *   floor -n DIRECTORY   read the names only
 *   floor -s DIRECTORY   also open, read and close each control file, and stat its data file (four system calls)
 * Prints messages, bytes of control files, bytes of data files.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char block[8192];
	unsigned long messages = 0, control = 0, data = 0;
	struct dirent *entry;
	struct stat status;
	DIR *directory;
	int fd, read_too;
	ssize_t got;

	if (argc != 3 || (strcmp(argv[1], "-n") && strcmp(argv[1], "-s")))
		errx(64, "usage: floor -n|-s DIRECTORY");
	read_too = argv[1][1] == 's';
	if (chdir(argv[2]) || !(directory = opendir(".")))
		err(66, "%s", argv[2]);
	while ((entry = readdir(directory))) {
		if (strncmp(entry->d_name, "qf", 2))
			continue;
		messages++;
		if (!read_too)
			continue;
		fd = open(entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME);
		if (fd < 0)
			err(66, "%s", entry->d_name);
		if ((got = read(fd, block, sizeof block)) > 0)
			control += got;
		close(fd);
		entry->d_name[0] = 'd';
		if (!stat(entry->d_name, &status))
			data += status.st_size;
	}
	printf("%lu %lu %lu\n", messages, control, data);
	return 0;
}
