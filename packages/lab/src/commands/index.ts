/** The commands of labs. Each loads its code when it runs. */
import { guestOptions } from '@vnet/guest/kit'
import { NSEC_PER_MSEC } from 'vnet'
import {
  collect,
  defineCommand,
  duration,
  InvalidArgumentError,
  type LazyCommand,
  option,
  shared,
  wholeNumber,
} from 'vnet/kit/cli'

const hosts = () => import('./lab-hosts.ts')

/** Options with a list may be given more than once. */
const listed = (text: string, before: readonly string[] = []) => [
  ...before,
  ...text.split(',').map(each => each.trim()),
]
const number = wholeNumber(1, Number.MAX_SAFE_INTEGER)
const lengths = (text: string, before: readonly number[] = []) => [
  ...before,
  ...listed(text).map(number),
]
const status = wholeNumber(1, 255)
const statuses = (text: string, before: readonly number[] = []) => [
  ...before,
  ...listed(text).map(status),
]
const lineOf = (text: string) => {
  if (text.trim() === '') throw new InvalidArgumentError('must not be empty')
  return text
}
const inMs = (text: string) => duration(text) / NSEC_PER_MSEC

/** An empty value comes from a variable that is not set. */
const filled = (text: string) => {
  if (text.trim() === '') {
    throw new InvalidArgumentError('must not be empty; without the option, nothing is impaired')
  }
  return text
}
const named = (text: string) => {
  if (text.trim() === '') throw new InvalidArgumentError('must be the name of a file')
  return text
}
const fileName = (text: string) => {
  if (named(text) === '-') {
    throw new InvalidArgumentError("must be a file: standard output is the command's")
  }
  return text
}
const depth = (text: string) => (wholeNumber(1, 2)(text) === 1 ? 1 : 2)
const port = collect(wholeNumber(1, 65_535))

export const commands: readonly LazyCommand[] = [
  defineCommand({
    name: 'run',
    group: 'Labs:',
    description: 'a command under a bad link, with the real Internet',
    usage: '[OPTIONS] -- COMMAND [ARGS...]',
    args: ['<command...>'],
    options: [
      option(
        '--wire <text>',
        "impairments such as 'delay 200ms loss 2%', 'preset slow-3g', or offline",
        {
          parse: filled,
          conflicts: ['wireIn', 'wireOut'],
        },
      ),
      option('--wire-out <text>', 'impairments of packets that leave', { parse: filled }),
      option('--wire-in <text>', 'impairments of packets that arrive', { parse: filled }),
      option('--after <time>', 'set the wire after this time', { parse: inMs }),
      option('--seed <n>', 'seed of all random decisions (1)', {
        parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
      }),
      option('--scenario <file>', 'YAML file of changes of the wire', {
        parse: named,
        conflicts: ['after'],
      }),
      option('--drop <filter>', 'lose packets that match, a pcap-filter(7) expression', {
        parse: filled,
      }),
      option('--delay <time>', 'delay the packets of --drop instead', { parse: inMs }),
      option('--nth <n>', 'only the Nth of them, in each direction', { parse: number }),
      option('--first <n>', 'only the first N', { parse: number }),
      option('--every <n>', 'only every Nth', { parse: number }),
      option('--data', 'count only TCP packets with payload'),
      option('--mtu <n>', 'MTU (1500; 65520 without a wire)', { parse: wholeNumber(68, 65_520) }),
      option('--no-internet', 'leave out the network of the machine'),
      option(
        '--localhost <port>',
        "lead a TCP port of the command's 127.0.0.1 to the machine's; repeat for more",
        {
          parse: port,
          repeats: true,
        },
      ),
      option('--publish <port>', 'lead a TCP port of the machine to the command; repeat for more', {
        parse: port,
        repeats: true,
      }),
      option('--capture <file>', 'record all packets in a pcapng file', { parse: fileName }),
      option('--repeat <n>', 'run N times, each with the next seed; say which failed', {
        parse: number,
      }),
      option('--json <file>', 'write the report as JSON', { parse: fileName }),
      option('--quiet', 'print no report'),
    ],
    refusesRepeats: true,
    examples: {
      "vnet run --wire 'preset slow-3g' -- npm install": 'on a slow phone network',
      "vnet run --drop 'udp src port 53' --first 1 -- curl example.org":
        'lose the first DNS answer',
      "vnet run --wire 'loss 5%' --repeat 20 -- npm test": 'with 20 seeds',
    },
    run: async (io, command, options) => (await import('../run/run.ts')).run(command, options, io),
  }),
  defineCommand({
    name: 'lab',
    group: 'Labs:',
    description: 'hosts, routers and links that a file describes',
    usage: '[OPTIONS] FILE [-- COMMAND [ARGS...]]',
    args: ['<FILE>', '[command...]'],
    options: [
      option('--host <name>', 'run the command in this host (the first of the file)'),
      option(
        '--scenario <file>',
        'YAML file of changes of links and hosts, in place of the scenario of the file',
        {
          parse: named,
        },
      ),
      option('--json', 'take requests on standard input, one JSON object a line', {
        conflicts: ['host'],
      }),
      option(
        '--time <kind>',
        'real, or virtual: all in a virtual machine, with time that jumps when it is idle',
        {
          choices: ['real', 'virtual'],
        },
      ),
      option(
        '--stop-at <place>',
        "stop virtual time at 90s, or at 'a-b ab nth 17', for commands; repeat for more",
        {
          parse: collect(String),
          conflicts: ['repeat'],
        },
      ),
      ...guestOptions,
    ],
    examples: {
      'vnet lab net.yaml': 'until Ctrl-C',
      'vnet lab net.yaml --host client -- curl server': 'run a command in it, then end',
      'vnet lab net.yaml --time virtual -- ./test.sh':
        'the same, with hours in seconds, and the same twice',
    },
    run: async (io, file, command, options) =>
      (await import('./lab.ts')).lab(file, command, options, io),
  }),
  defineCommand({
    name: 'host',
    group: 'Labs:',
    description: 'a host with a TCP/IP stack in TypeScript, on a TAP',
    args: ['[IF]'],
    options: [
      option('--address <cidr>', 'address of the host, with its prefix; repeat for more', {
        parse: collect(String),
        repeats: true,
      }),
      option(
        '--serve <dir>',
        'serve the files of a directory by HTTP, on port 80 (echo, discard, chargen)',
      ),
      option(
        '--wire <text>',
        "impairments such as 'delay 200ms loss 2%', 'preset slow-3g', or offline",
        {
          parse: filled,
        },
      ),
      option(
        '--misbehave <text>',
        "faults of the host's TCP, such as 'window 0 for 10s' or 'reset after 1000'",
      ),
      option('--seed <n>', 'seed of all random decisions (1)', {
        parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
      }),
      option('--mtu <n>', 'MTU (1500)', { parse: wholeNumber(68, 65_520) }),
      option('--netns <netns>', 'network namespace of the interface, by name or path'),
    ],
    refusesRepeats: true,
    examples: {
      'vnet host': 'echo, discard and chargen on ports 7, 9 and 19',
      "vnet host --serve . --misbehave 'segments 1'": 'files, one byte a segment',
      "vnet host --serve . --wire 'loss 1%'": 'files past a bad link: curl http://198.18.1.2/FILE',
    },
    run: async (io, name, options) => (await import('./host.ts')).host(name, options, io),
  }),
  defineCommand({
    name: 'toxiproxy',
    group: 'Labs:',
    description: 'the API of toxiproxy, with faults of packets',
    options: [
      option('--host <address>', 'address of the API (127.0.0.1)', { parse: filled }),
      option('--port <n>', 'port of the API, 0 for a free one (8474)', {
        parse: wholeNumber(0, 65_535),
      }),
      option('--config <file>', 'JSON file with the proxies to start with', { parse: fileName }),
      option('--seed <n>', 'seed of all random decisions (1)', {
        parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
      }),
      option(
        '--allow-host <name>',
        'name with dots by which clients reach the API; repeat for more',
        {
          parse: listed,
          repeats: true,
        },
      ),
      option('--proxy-metrics', 'serve the bytes of each proxy at /metrics'),
      option('--runtime-metrics', 'serve memory, CPU time and descriptors at /metrics'),
      option('--no-packets', 'make no lab: only toxics of streams, in user space'),
    ],
    refusesRepeats: true,
    examples: {
      'vnet toxiproxy': 'on port 8474, as clients of toxiproxy expect it',
      'vnet toxiproxy --config toxiproxy.json': 'with the proxies of a file',
    },
    run: async (io, options) => (await import('../toxiproxy/toxiproxy.ts')).toxiproxy(options, io),
  }),
  defineCommand({
    name: 'explore',
    group: 'Labs:',
    description: 'run a command or a scenario with a fault at each packet',
    usage: '[OPTIONS] [FILE] [-- COMMAND [ARGS...]]',
    args: ['[FILE]', '[command...]'],
    options: [
      option(
        '--server <command>',
        'in place of FILE: a server, and clients that reach it as server',
        {
          parse: lineOf,
        },
      ),
      option('--ready <text>', 'with --server: it is ready when it prints this (when it listens)', {
        parse: lineOf,
      }),
      option('--client <command>', 'with --server: a client; repeat for more', {
        parse: collect(lineOf),
        repeats: true,
      }),
      option('--ends-within <time>', 'with --server: time in which a client must end (10s)', {
        parse: inMs,
      }),
      option('--errors <list>', 'with --server: statuses that clients may end with, such as 1,28', {
        parse: statuses,
      }),
      option('--labs <n>', 'with --server: labs at a time (4)', { parse: number }),
      option('--fresh', 'with --server: start the server again for each run'),
      option(
        '--warm <command>',
        'with --server: a program that has loaded an interpreter, and runs the clients',
        { parse: lineOf },
      ),
      option(
        '--faults <list>',
        'faults, such as drop,delay 50ms,pause 5s on server (of TCP those that end connections)',
        {
          parse: listed,
        },
      ),
      option(
        '--hit <command>',
        'hit the hosts that this prints, run by sh on each host at the fault',
      ),
      option('--links <list>', 'only packets of these links, such as client-server', {
        parse: listed,
      }),
      { ...shared.filter, description: 'only packets that match, a pcap-filter(7) expression' },
      option(
        '--points <place>',
        'where to try faults that end connections: bytes, or packets (bytes for the default faults)',
        { choices: ['bytes', 'packets'] },
      ),
      option('--promise <text>', 'what the program promises, which the report quotes'),
      option('--bursts <list>', 'also lose so many packets in a row, such as 2,3', {
        parse: lengths,
      }),
      option('--pairs', 'also try all pairs of faults that a run survives one by one'),
      option('--schedules <n>', 'also try so many random sets of these faults, drawn by the seed', {
        parse: number,
      }),
      option('--depth <n>', '2 also faults packets that appear only after a fault (1)', {
        parse: depth,
      }),
      option('--budget <time>', 'try no more faults after this time, such as 60s', { parse: inMs }),
      option('--concurrency <n>', 'runs at a time (the number of cores)', { parse: number }),
      option('--timeout <time>', 'longest time of a run (made from the runs without faults)', {
        parse: inMs,
      }),
      option('--no-reuse', 'start a process for each run in the kernel'),
      option(
        '--reuse',
        'run a process again after a run that has left nothing (the default in the kernel)',
      ),
      option('--strict', 'a command or scenario that ends with an error in time has failed, too'),
      option('--compare', 'it has failed, too, if it prints something else than without faults'),
      option('--no-strict', 'with --repeat: pass a run that ends with an error in time'),
      option('--stop-at <n>', 'try no more faults after N failures', { parse: number }),
      option(
        '--world <world>',
        'kernel, guest in virtual time, or memory in virtual time without programs',
        {
          choices: ['kernel', 'memory', 'guest'],
        },
      ),
      option('--rto-min <time>', "TCP's least retransmission timeout in the labs (50ms)", {
        parse: inMs,
      }),
      option('--no-rto-min', "keep the kernel's least TCP retransmission timeout"),
      option('--seed <n>', 'seed of the labs (by default the seed of the file, or 1)', {
        parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
      }),
      option('--host <name>', 'run the command in this host (the first of the file)'),
      shared.json,
      option('--html <file>', 'write the report as a page: one HTML file'),
      option(
        '--captures <dir>',
        'directory for the captures of failures (default: the temporary directory)',
      ),
      option('--no-captures', 'record no failures'),
      option('--repeat <fault>', 'run once, with this fault of a report; repeat for more', {
        parse: collect(String),
      }),
    ],
    examples: {
      'vnet explore net.yaml -- curl server':
        'run it again with a reset or a silence at each packet',
      "vnet explore --server 'redis-server --protected-mode no' --client 'redis-cli -h server ping'":
        'explore two commands, with faults at bytes',
    },
    run: async (io, file, command, options) =>
      (await import('./explore-commands.ts')).exploreAny(io, file, command, options),
  }),
  defineCommand({
    name: 'test-from',
    group: 'Labs:',
    description: 'say what happened on the wire in a capture, and write a test of it',
    args: ['<FILE>'],
    options: [
      shared.json,
      option('--all', 'print all flows and all statements'),
      option('--write <file>', 'write a test for vitest that repeats it', {
        parse: fileName,
        conflicts: ['json'],
      }),
      option('--client <file>', 'module whose function is the client of the test', {
        parse: fileName,
      }),
      option('--server <file>', 'module whose function is the server of the test', {
        parse: fileName,
      }),
      option('--with-content', 'write the contents of messages, which may be secret'),
      option('--explore', 'also try each fault earlier, later, longer and shorter', {
        conflicts: ['json'],
      }),
    ],
    refusesRepeats: true,
    examples: {
      'vnet test-from failed.pcapng': 'the losses, resets and silences of its flows',
      'tcpdump -w - | vnet test-from -': 'of standard input',
      'vnet test-from failed.pcapng --write retry.test.js': 'and a test that does it again',
    },
    run: async (io, file, options) => (await import('./test-from.ts')).testFrom(file, options, io),
  }),
  defineCommand({
    name: 'check',
    under: 'lab',
    group: 'Labs:',
    description: 'check a lab file; runs nothing',
    args: ['<FILE>'],
    examples: { 'vnet lab check net.yaml': 'print its mistakes, with their lines' },
    run: async (io, file) => (await import('./lab.ts')).checkLab(file, io),
  }),
  defineCommand({
    name: 'graph',
    under: 'lab',
    group: 'Labs:',
    description: 'print a lab file as a flowchart of Mermaid',
    args: ['<FILE>'],
    examples: { 'vnet lab graph net.yaml': 'a drawing for a page of Markdown' },
    run: async (io, file) => (await import('./lab.ts')).graphLab(file, io),
  }),
  defineCommand({
    name: 'list',
    under: 'lab',
    group: 'Labs:',
    description: 'list the running labs, including labs of tests',
    options: [shared.json, shared.user],
    examples: { 'vnet lab list': 'the labs and their hosts' },
    run: async (io, options) => (await hosts()).listLabs(options, io),
  }),
  defineCommand({
    name: 'exec',
    under: 'lab',
    group: 'Labs:',
    description: 'run a command in [LAB:]HOST of a running lab',
    usage: '[OPTIONS] HOST COMMAND...',
    passThrough: true,
    args: ['<HOST>', '<command...>'],
    options: [shared.user],
    examples: { 'vnet lab exec client ip addr': 'the addresses of the host client' },
    run: async (io, host, command, options) =>
      (await hosts()).execInHost(host, command, options, io),
  }),
  defineCommand({
    name: 'shell',
    under: 'lab',
    group: 'Labs:',
    description: 'start a shell in [LAB:]HOST of a running lab',
    args: ['<HOST>'],
    options: [shared.user],
    examples: { 'vnet lab shell client': 'look around on the host client' },
    run: async (io, host, options) =>
      (await hosts()).execInHost(host, [process.env.SHELL || '/bin/sh'], options, io),
  }),
]
