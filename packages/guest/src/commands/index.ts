/** The command `vnet guest`, which loads its code when it runs, and options for a guest. */
import {
  collect,
  defineCommand,
  InvalidArgumentError,
  type LazyCommand,
  type Option,
  option,
  wholeNumber,
} from 'vnet/kit/cli'

// A kernel refuses times before its own start, and those too near to the end of its clock.
const FIRST_DATE = Date.UTC(1970, 0, 2)
const LAST_DATE = Date.UTC(2200, 0, 1)

const date = (text: string) => {
  const ms = Date.parse(text)
  const [, day] = /^\d{4}-\d\d-(\d\d)/.exec(text) ?? []
  // Date.parse takes 2026-02-30 for March 2.
  const exists = day === undefined || new Date(text.slice(0, 10)).getUTCDate() === Number(day)
  if (exists && ms >= FIRST_DATE && ms <= LAST_DATE) return ms
  throw new InvalidArgumentError(
    'must be a date, such as 2026-01-01 or 2026-01-01T12:00:00Z, from 1970-01-02 to 2200-01-01',
  )
}
const LEAST_MB = 256
const MOST_MB = 32_768
const REPEAT_MAX = 1_000_000

/** Options of all commands that run in a guest. */
export const guestOptions = [
  option('--seed <n>', 'seed of all random numbers in the guest (1)', {
    parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  }),
  option('--date <time>', 'the time of day at the start (2026-01-01T00:00:00Z)', { parse: date }),
  option('--verify', 'run twice, and compare everything that comes out of the guest'),
  option('--repeat <n>', 'run N times, each with the next seed; say which failed', {
    parse: wholeNumber(1, REPEAT_MAX),
  }),
  option('--program <name>', 'give the guest a program from the start; repeat for more', {
    parse: collect(String),
  }),
  option('--file <path>', 'give the guest a file or directory; repeat for more', {
    parse: collect(String),
  }),
  option('--env <name>', 'give the command a variable, NAME or NAME=VALUE; repeat for more', {
    parse: collect(String),
  }),
  option('--directory <dir>', 'the directory that the guest gets (the current one)'),
  option('--memory <mib>', 'memory of the guest, MiB (1024)', {
    parse: wholeNumber(LEAST_MB, MOST_MB),
  }),
] as const satisfies readonly Option[]

export const commands: readonly LazyCommand[] = [
  defineCommand({
    name: 'guest',
    description: 'a command in a virtual machine, in virtual time',
    group: 'Programs:',
    args: ['<command...>'],
    usage: '[OPTIONS] -- COMMAND [ARGS...]',
    options: guestOptions,
    examples: {
      'vnet guest -- sh -c "sleep 1d; date"': 'a day in a second',
      'vnet guest --verify -- ./test.sh': 'twice, with the same bytes',
    },
    run: async (io, command, options) => (await import('./guest.ts')).guest(command, options, io),
  }),
]
