/** Moments as places on a line, in percent of its length, and the labels below it. All times are UTC. */

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Before this there was nothing to back up: a clock was wrong. */
const earliest = Date.UTC(2000, 0);

/** Less than this would be no line. */
const shortest = 10 * minute;

export interface Tick {
  /** In percent. */
  readonly at: number;
  readonly label: string;
}

export class TimeAxis {
  /** In ms since 1970, as all times here. */
  readonly start: number;
  readonly end: number;
  readonly now: number;

  /** A line on which all of these moments have their place, as far as they can be true, and that ends a little after now. */
  constructor(moments: readonly number[], now: number) {
    const possible = moments.filter((moment) => moment >= earliest && moment <= now);
    const first = possible.reduce((least, moment) => Math.min(least, moment), now);
    const length = Math.max(now - first, shortest);
    this.now = now;
    this.start = now - length * 1.01;
    this.end = now + length * 0.015;
  }

  /** In percent; of a moment that is not on the line, the end that is nearer. */
  at(moment: number): number {
    const share = (moment - this.start) / (this.end - this.start);
    return 100 * Math.min(1, Math.max(0, share));
  }

  /** At most so many, at moments that people count in. */
  ticks(most: number): Tick[] {
    const length = this.end - this.start;
    const step = steps.find((one) => length / one.ms <= most) ?? steps.at(-1)!;
    const every = Math.max(1, Math.ceil(length / step.ms / most));
    const ticks: Tick[] = [];
    let before: number | undefined;
    for (let i = 0, at = step.floor(this.start); at <= this.end; at = step.next(at), i += 1) {
      if (at < this.start || i % every !== 0) continue;
      ticks.push({ at: this.at(at), label: step.label(at, before) });
      before = at;
    }
    return ticks;
  }
}

interface Step {
  /** About. */
  readonly ms: number;
  floor(moment: number): number;
  next(moment: number): number;
  /** @param before the moment of the label before it */
  label(moment: number, before: number | undefined): string;
}

const steps: readonly Step[] = [
  ...[
    minute,
    2 * minute,
    5 * minute,
    10 * minute,
    15 * minute,
    30 * minute,
    hour,
    2 * hour,
    3 * hour,
    6 * hour,
    12 * hour,
  ].map((ms) => evenSteps(ms, clockLabel)),
  ...[day, 2 * day, 7 * day].map((ms) => evenSteps(ms, dayLabel)),
  ...[1, 2, 3, 6].map((count) => monthSteps(count, monthLabel)),
  ...[1, 2, 5, 10].map((count) => monthSteps(12 * count, (moment) => `${new Date(moment).getUTCFullYear()}`)),
];

function evenSteps(ms: number, label: Step['label']): Step {
  // Weeks begin on Mondays, and 1970 on a Thursday.
  const origin = ms === 7 * day ? 4 * day : 0;
  return {
    ms,
    label,
    next: (moment) => moment + ms,
    floor: (moment) => moment - ((((moment - origin) % ms) + ms) % ms),
  };
}

function monthSteps(count: number, label: Step['label']): Step {
  const monthOf = (moment: number): number => {
    const date = new Date(moment);
    return date.getUTCFullYear() * 12 + date.getUTCMonth();
  };
  const beginOf = (month: number): number => Date.UTC(Math.floor(month / 12), month % 12);
  return {
    ms: count * 30.44 * day,
    label,
    floor: (moment) => beginOf(monthOf(moment) - (monthOf(moment) % count)),
    next: (moment) => beginOf(monthOf(moment) + count),
  };
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `22 Nov`. */
export function dayOf(moment: number): string {
  const date = new Date(moment);
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]}`;
}

function yearOf(moment: number): number {
  return new Date(moment).getUTCFullYear();
}

function clockLabel(moment: number, before: number | undefined): string {
  const clock = new Date(moment).toISOString().slice(11, 16);
  if (before !== undefined && dayOf(before) === dayOf(moment)) return clock;
  return clock === '00:00' ? dayOf(moment) : `${dayOf(moment)} ${clock}`;
}

function dayLabel(moment: number, before: number | undefined): string {
  return before !== undefined && yearOf(before) === yearOf(moment)
    ? dayOf(moment)
    : `${dayOf(moment)} ${yearOf(moment)}`;
}

function monthLabel(moment: number, before: number | undefined): string {
  const month = months[new Date(moment).getUTCMonth()]!;
  return before !== undefined && yearOf(before) === yearOf(moment) ? month : `${month} ${yearOf(moment)}`;
}
