// Loaded into a program that is measured: says at its end how much memory it had at most, in KiB.
process.on('exit', () => process.stderr.write(`peak ${process.resourceUsage().maxRSS}\n`));
