/** The commands of labs. Each loads its code when it runs. */
import { guestOptions } from '@vnet/guest/internal/commands/index'
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { Argument, InvalidArgumentError, type LazyCommand, Option } from 'vnet/internal/cli/parse/option'
import { collect, duration, json, user, wholeNumber } from 'vnet/internal/cli/parse/options'

const FILE = new Argument('<FILE>')
const HOST = new Argument('<HOST>')
const hosts = () => import('./lab-hosts.ts')

/** Options with a list may be given more than once. */
const listed = (text: string, before: readonly string[] = []) => [
  ...before,
  ...text.split(',').map(each => each.trim()),
]
const every = (text: string, before: readonly string[] = []) => [...before, text]
const number = wholeNumber(1, Number.MAX_SAFE_INTEGER)
const lengths = (text: string, before: readonly number[] = []) => [...before, ...listed(text).map(number)]
const inMs = (text: string) => duration(text) / NSEC_PER_MSEC

const exploring: readonly Option[] = [
  new Option(
    '--faults <list>',
    'faults, such as reset,delay 50ms,pause 5s on server (drop,duplicate,delay,corrupt)',
  ).argParser(listed),
  new Option('--hit <command>', 'hit the hosts that this prints, run by sh on each host at the fault'),
  new Option('--links <list>', 'only packets of these links, such as client-server').argParser(listed),
  new Option('--filter <filter>', 'only packets that match, a pcap-filter(7) expression'),
  new Option('--bursts <list>', 'also lose so many packets in a row, such as 2,3').argParser(lengths),
  new Option('--pairs', 'also try all pairs of faults that a run survives one by one'),
  new Option('--schedules <n>', 'also try so many random sets of these faults, drawn by the seed').argParser(number),
  new Option('--depth <n>', '2 also faults packets that appear only after a fault (1)').argParser(wholeNumber(1, 2)),
  new Option('--budget <time>', 'try no more faults after this time, such as 60s').argParser(inMs),
  new Option('--concurrency <n>', 'runs at a time (the number of cores)').argParser(number),
  new Option('--timeout <time>', 'longest time of a run (made from the runs without faults)').argParser(inMs),
  new Option('--reuse', 'let a process of a module run again after a run that has passed'),
  new Option('--stop-at <n>', 'try no more faults after N failures').argParser(number),
  new Option('--world <world>', 'kernel, guest in virtual time, or memory in virtual time without programs').choices([
    'kernel',
    'memory',
    'guest',
  ]),
  new Option('--rto-min <time>', "TCP's least retransmission timeout in the labs (50ms)").argParser(inMs),
  new Option('--no-rto-min', "keep the kernel's least TCP retransmission timeout"),
  new Option('--seed <n>', 'seed of the labs (by default the seed of the file, or 1)').argParser(
    wholeNumber(0, Number.MAX_SAFE_INTEGER),
  ),
  new Option('--host <name>', 'run the command in this host (the first of the file)'),
  json(),
  new Option('--html <file>', 'write the report as a page: one HTML file'),
  new Option('--captures <dir>', 'directory for the captures of failures (default: the temporary directory)'),
  new Option('--no-captures', 'record no failures'),
  new Option('--repeat <fault>', 'run once, with this fault of a report; repeat for more').argParser(every),
]

/** An empty value comes from a variable that is not set. */
const filled = (text: string) => {
  if (text.trim() === '') throw new InvalidArgumentError('must not be empty; without the option, nothing is impaired')
  return text
}
const fileName = (text: string) => {
  if (text === '') throw new InvalidArgumentError('must be the name of a file')
  if (text === '-') throw new InvalidArgumentError("must be a file: standard output is the command's")
  return text
}
/** Marks an option that would silently lose its first value if it were repeated. */
const single = (flags: string, description: string) => Object.assign(new Option(flags, description), { isSingle: true })

const ports = (text: string, before: readonly number[] = []) => [...before, wholeNumber(1, 65_535)(text)]
const WIRE = "impairments such as 'delay 200ms loss 2%', 'preset slow-3g', or offline"
const running: readonly Option[] = [
  single('--wire <text>', WIRE).argParser(filled).conflicts(['wireIn', 'wireOut']),
  single('--wire-out <text>', 'impairments of packets that leave').argParser(filled),
  single('--wire-in <text>', 'impairments of packets that arrive').argParser(filled),
  single('--after <time>', 'set the wire after this time').argParser(inMs),
  single('--seed <n>', 'seed of all random decisions (1)').argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
  single('--scenario <file>', 'YAML file of changes of the wire').argParser(filled).conflicts('after'),
  single('--drop <filter>', 'lose packets that match, a pcap-filter(7) expression').argParser(filled),
  single('--delay <time>', 'delay the packets of --drop instead').argParser(inMs),
  single('--nth <n>', 'only the Nth of them, in each direction').argParser(number),
  single('--first <n>', 'only the first N').argParser(number),
  single('--every <n>', 'only every Nth').argParser(number),
  single('--mtu <n>', 'MTU (1500; 65520 without a wire)').argParser(wholeNumber(68, 65_520)),
  new Option('--no-internet', 'leave out the network of the machine'),
  new Option(
    '--localhost <port>',
    "lead a TCP port of the command's 127.0.0.1 to the machine's; repeat for more",
  ).argParser(ports),
  new Option('--publish <port>', 'lead a TCP port of the machine to the command; repeat for more').argParser(ports),
  single('--capture <file>', 'record all packets in a pcapng file').argParser(fileName),
  single('--repeat <n>', 'run N times, each with the next seed; say which failed').argParser(number),
  single('--json <file>', 'write the report as JSON').argParser(fileName),
  new Option('--quiet', 'print no report'),
]

const hosting: readonly Option[] = [
  new Option('--address <cidr>', 'address of the host, with its prefix; repeat for more').argParser(collect(String)),
  single('--serve <dir>', 'serve the files of a directory by HTTP, on port 80 (echo, discard, chargen)'),
  single('--wire <text>', WIRE).argParser(filled),
  single('--misbehave <text>', "faults of the host's TCP, such as 'window 0 for 10s' or 'reset after 1000'"),
  single('--seed <n>', 'seed of all random decisions (1)').argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
  single('--mtu <n>', 'MTU (1500)').argParser(wholeNumber(68, 65_520)),
  single('--netns <netns>', 'network namespace of the interface, by name or path'),
]

const table: readonly LazyCommand[] = [
  {
    name: 'run',
    description: 'a command under a bad link, with the real Internet',
    args: [new Argument('<command...>')],
    usage: '[OPTIONS] -- COMMAND [ARGS...]',
    options: running,
    examples: [
      ["vnet run --wire 'preset slow-3g' -- npm install", 'on a slow phone network'],
      ["vnet run --drop 'udp src port 53' --first 1 -- curl example.org", 'lose the first DNS answer'],
      ["vnet run --wire 'loss 5%' --repeat 20 -- npm test", 'with 20 seeds'],
    ],
    run: async (io, command, options) => (await import('../run/run.ts')).run(command, options, io),
  },
  {
    name: 'lab',
    description: 'hosts, routers and links that a file describes',
    args: [FILE, new Argument('[command...]')],
    usage: '[OPTIONS] FILE [-- COMMAND [ARGS...]]',
    options: [
      new Option('--host <name>', 'run the command in this host (the first of the file)'),
      new Option('--scenario <file>', 'YAML file of changes of links and hosts, in place of the scenario of the file'),
      new Option('--json', 'take requests on standard input, one JSON object a line').conflicts('host'),
      new Option(
        '--time <kind>',
        'real, or virtual: all in a virtual machine, with time that jumps when it is idle',
      ).choices(['real', 'virtual']),
      new Option('--stop-at <place>', "stop virtual time at 90s, or at 'a-b ab nth 17', for commands; repeat for more")
        .argParser(collect(String))
        .conflicts('repeat'),
      ...guestOptions,
    ],
    examples: [
      ['vnet lab net.yaml', 'until Ctrl-C'],
      ['vnet lab net.yaml --host client -- curl server', 'run a command in it, then end'],
      ['vnet lab net.yaml --time virtual -- ./test.sh', 'the same, with hours in seconds, and the same twice'],
    ],
    run: async (io, file, command, options) => (await import('./lab.ts')).lab(file, command, options, io),
  },
  {
    name: 'host',
    description: 'a host with a TCP/IP stack in TypeScript, on a TAP',
    args: [new Argument('[IF]')],
    options: hosting,
    examples: [
      ['vnet host', 'echo, discard and chargen on ports 7, 9 and 19'],
      ["vnet host --serve . --misbehave 'segments 1'", 'files, one byte a segment'],
      ["vnet host --serve . --wire 'loss 1%'", 'files past a bad link: curl http://198.18.1.2/FILE'],
    ],
    run: async (io, name, options) => (await import('./host.ts')).host(name, options, io),
  },
  {
    name: 'explore',
    description: 'run a command or a scenario with each packet lost, doubled or late',
    args: [FILE, new Argument('[command...]')],
    usage: '[OPTIONS] FILE [-- COMMAND [ARGS...]]',
    options: exploring,
    examples: [['vnet explore net.yaml -- curl server', 'run it again with each packet lost']],
    run: async (io, file, command, options) =>
      (await import('./explore.ts')).exploreCommand(file, command, options, io),
  },
  {
    name: 'test-from',
    description: 'say what happened on the wire in a capture, and write a test of it',
    args: [FILE],
    options: [
      json(),
      new Option('--all', 'print all flows and all statements'),
      single('--write <file>', 'write a test for vitest that repeats it').argParser(fileName).conflicts('json'),
      single('--client <file>', 'module whose function is the client of the test').argParser(fileName),
      single('--server <file>', 'module whose function is the server of the test').argParser(fileName),
      new Option('--with-content', 'write the contents of messages, which may be secret'),
      new Option('--explore', 'also try each fault earlier, later, longer and shorter').conflicts('json'),
    ],
    examples: [
      ['vnet test-from failed.pcapng', 'the losses, resets and silences of its flows'],
      ['tcpdump -w - | vnet test-from -', 'of standard input'],
      ['vnet test-from failed.pcapng --write retry.test.js', 'and a test that does it again'],
    ],
    run: async (io, file, options) => (await import('./test-from.ts')).testFrom(file, options, io),
  },
  {
    name: 'check',
    under: 'lab',
    description: 'check a lab file; runs nothing',
    args: [FILE],
    examples: [['vnet lab check net.yaml', 'print its mistakes, with their lines']],
    run: async (io, file) => (await import('./lab.ts')).checkLab(file, io),
  },
  {
    name: 'list',
    under: 'lab',
    description: 'list the running labs, including labs of tests',
    options: [json(), user()],
    examples: [['vnet lab list', 'the labs and their hosts']],
    run: async (io, options) => (await hosts()).listLabs(options, io),
  },
  {
    name: 'exec',
    under: 'lab',
    description: 'run a command in [LAB:]HOST of a running lab',
    args: [HOST, new Argument('<command...>')],
    usage: '[OPTIONS] HOST COMMAND...',
    options: [user()],
    passThrough: true,
    examples: [['vnet lab exec client ip addr', 'the addresses of the host client']],
    run: async (io, host, command, options) => (await hosts()).execInHost(host, command, options, io),
  },
  {
    name: 'shell',
    under: 'lab',
    description: 'start a shell in [LAB:]HOST of a running lab',
    args: [HOST],
    options: [user()],
    examples: [['vnet lab shell client', 'look around on the host client']],
    run: async (io, host, options) => (await hosts()).execInHost(host, [process.env.SHELL || '/bin/sh'], options, io),
  },
]

export const commands: readonly LazyCommand[] = table.map(each => ({ ...each, group: 'Labs:' }))
