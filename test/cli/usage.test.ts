/** Command lines that are refused: one line that says what is wrong and what to do. */
import { expect, test } from 'vitest'
import { SKB_DROP_REASON_MAX } from '#src/skb/drop-reason.ts'
import { dropReasonName } from '#src/skb/drop-reason-name.ts'
import { runMain } from '#support/run-main.ts'

const NAME = 'must be 1 to 15 bytes without /, : or white space, with at most one %d'
const MAC = 'must be six bytes such as 02:00:00:00:00:01, neither all zero nor a group address'
const CIDR = 'must be written as 192.0.2.1/24 or 2001:db8::1/64, with IF= before it to name one'
const MTU = 'must be a whole number from 68 to 65521'
const QUEUES = 'must be a whole number from 1 to 256'
const TXQUEUELEN = 'must be a whole number from 1 to 1000000'
const REASONS = Array.from({ length: SKB_DROP_REASON_MAX - 1 }, (_, i) =>
  dropReasonName(i + 1),
).join(', ')
const IOCTL = 'must be a whole number from 0 to 15'
const INTERVAL = 'must be a time with its unit, such as 500ms, 1s or 2min'
const MACS = ['--mac', '02:00:00:00:00:01', '--mac', '02:00:00:00:00:02']

test.each([
  [['frobnicate'], "unknown command 'frobnicate' (see vnet --help)"],
  [['frobnicate', '--mtu', '9000'], "unknown command 'frobnicate' (see vnet --help)"],
  [['--json', 'frobnicate'], "unknown command 'frobnicate' (see vnet --help)"],
  [['statz'], "unknown command 'statz'; did you mean 'stats'?"],
  [['complete'], "unknown command 'complete' (see vnet --help)"],
  [['hepl'], "unknown command 'hepl'; did you mean 'help'?"],
  [['loop', 'eth7'], "loop takes no arguments, but got 'eth7'; --name names the interface"],
  [['snull', 'lokup=5'], "lokup=5: snull has no parameter 'lokup'; did you mean 'lockup'?"],
  [['loop', 'x=5'], "x=5: loop has no parameter 'x'; it has ipv6, arp, ring-size"],
  [
    ['cable', 'a', 'b', 'rx-filter-siz=2'],
    "rx-filter-siz=2: cable has no parameter 'rx-filter-siz'; did you mean 'rx-filter-size'?",
  ],
  [
    ['attach', 'eth0', 'delay=20ms'],
    "delay=20ms: attach has no parameter 'delay'; it has wire, wire-in, wire-out, log, scenario, stage, seed, only, far-side, fail-open",
  ],
  [['lan', 'eth9', 'host=8'], "host=8: lan has no parameter 'host'; did you mean 'hosts'?"],
  [['snull', 'mtu=9000'], 'mtu=9000: this is an option: write --mtu VALUE'],
  [['snull', 'lockup=x'], "lockup=x: 'x' is not a whole number of at least 0"],
  [['snull', 'lockup='], "lockup=: '' is not a whole number of at least 0"],
  [['loop', '=5'], "=5: loop has no parameter ''; it has ipv6, arp, ring-size"],
  [['snull', '--lockup', '5', 'lockup=6'], 'lockup=6: lockup is given twice'],
  [['stats', '--mtu', '9000'], "unknown option '--mtu' (see vnet stats --help)"],
  [['--mtu', '9000', 'stats'], "unknown option '--mtu' (see vnet stats --help)"],
  [['--json', 'completion', 'bash'], "unknown option '--json' (see vnet completion --help)"],
  [['lan', '--hosts', '5', 'show'], 'the command comes first: vnet lan show [OPTIONS]'],
  [['lan', 'eth9', 'show'], 'the command comes first: vnet lan show [OPTIONS]'],
  [['help', 'frobnicate'], "unknown command 'frobnicate' (see vnet help --all)"],
  [['help', 'lan', 'frobnicate'], "unknown command 'lan frobnicate' (see vnet help --all)"],
  [['./'], "'./' is not a driver: a driver file ends in .js, .mjs or .ts"],
  [['././', '--mtu', '9000'], "'././' is not a driver: a driver file ends in .js, .mjs or .ts"],
  [['driver.txt'], "'driver.txt' is not a driver: a driver file ends in .js, .mjs or .ts"],
  [['snull', '--eth=0'], 'option --eth takes no value'],
  [['snull', '--frobnicate=0'], "unknown option '--frobnicate=0' (see vnet snull --help)"],
  [['--mtu', '67', 'snull'], `--mtu 67: ${MTU}`],
  [['--json', 'snull', '--stuck', 'x'], "--stuck x: 'x' is not a whole number of at least 0"],
  [['--json', './'], "'./' is not a driver: a driver file ends in .js, .mjs or .ts"],
  [['--lockup', '10', 'snull'], "unknown option '--lockup': it is an option of vnet snull"],
  [['--ipv6', 'snull'], 'the command comes first: vnet snull [OPTIONS]'],
  [
    ['cable', 'a', 'b', '--delay', '10ms'],
    "unknown option '--delay'; did you mean --wire 'delay ...'?",
  ],
  [['snull', '--dely', '10ms'], "unknown option '--dely'; did you mean --wire 'delay ...'?"],
  [['lan', '--lsos', '1%'], "unknown option '--lsos'; did you mean --wire 'loss ...'?"],
  [['snull', '--wier', 'loss 1%'], "unknown option '--wier'; did you mean '--wire'?"],
  [['snull', '--hlep'], "unknown option '--hlep'; did you mean '--help'?"],
  [['loop', '--dely', '10ms'], "unknown option '--dely' (see vnet loop --help)"],
  [['--frobnicate'], "unknown option '--frobnicate' (see vnet loop --help)"],
  [['--mut', '9000'], "unknown option '--mut'; did you mean '--mtu'?"],
  [['snull', '--web', '8080'], "unknown option '--web': it is the command vnet web"],
  [['--metrics', '9100'], "unknown option '--metrics': it is the command vnet metrics"],
  [['cable', 'a', 'b', '--eth'], "unknown option '--eth': it is an option of vnet snull"],
  [['--mtu'], '--mtu needs a value: --mtu N'],
  [['run', '--drop', 'icmp', '--drop', 'udp', '--', 'true'], '--drop is given twice'],
  [['run', '--wire', 'loss 1%', '--wire', 'loss 2%', '--', 'true'], '--wire is given twice'],
  [['run', '--wire', '--', 'true'], '--wire needs a value: --wire TEXT'],
  [
    ['run', '--wire', '', '--', 'true'],
    "--wire '': must not be empty; without the option, nothing is impaired",
  ],
  [
    ['run', '--drop', ' ', '--', 'true'],
    '--drop  : must not be empty; without the option, nothing is impaired',
  ],
  [
    ['run', '--json', '-', '--', 'true'],
    "--json -: must be a file: standard output is the command's",
  ],
  [
    ['run', '--capture', '-', '--', 'true'],
    "--capture -: must be a file: standard output is the command's",
  ],
  [['run', '--capture', '', '--', 'true'], "--capture '': must be the name of a file"],
  [['--bogus', '--version'], "unknown option '--bogus' (see vnet loop --help)"],
  [['--wire', 'loss 1%', 'snull', '--help'], "unknown option '--wire' (see vnet loop --help)"],
  [['check', '--csv', '--json'], '--csv cannot be used with --json'],
  [['list', '--json', '--names'], '--names cannot be used with --json'],
  [
    ['wire', 'a', 'loss 1%', '--wire-ab', 'off', '--wire-ba', 'off'],
    'wire: SPEC is for both directions, but both have their own: leave it out',
  ],
  [['trigger', 'a', '--queue', '3'], 'trigger: --queue needs a FAULT'],

  [['--name', ''], `--name '': ${NAME}`],
  [['--name', 'a/b'], `--name a/b: ${NAME}`],
  [['--name', 'a b'], `--name a b: ${NAME}`],
  [['--name', 'sixteen-octets-n'], `--name sixteen-octets-n: ${NAME}`],
  [['--name', '%d%d'], `--name %d%d: ${NAME}`],
  [['--name', '..'], `--name ..: ${NAME}`],
  [['--mac', '02:00:00:00:00'], `--mac 02:00:00:00:00: ${MAC}`],
  [['--mac', '020000000001'], `--mac 020000000001: ${MAC}`],
  [['--mac', '00:00:00:00:00:00'], `--mac 00:00:00:00:00:00: ${MAC}`],
  [['--mac', '01:00:5e:00:00:01'], `--mac 01:00:5e:00:00:01: ${MAC}`],
  [['--address', '192.0.2.1'], `--address 192.0.2.1: ${CIDR}`],
  [['--address', '192.0.2.1/33'], `--address 192.0.2.1/33: ${CIDR}`],
  [['--address', '192.0.2/24'], `--address 192.0.2/24: ${CIDR}`],
  [['--address', 'vnet%d='], `--address vnet%d=: ${CIDR}`],
  [['--mtu', '67'], `--mtu 67: ${MTU}`],
  [['--mtu', '65522'], `--mtu 65522: ${MTU}`],
  [['--mtu', '1e3'], `--mtu 1e3: ${MTU}`],
  [['--mtu', ' '], `--mtu  : ${MTU}`],
  [['--mtu=-1500'], `--mtu -1500: ${MTU}`],
  [['--txqs', '0'], `--txqs 0: ${QUEUES}`],
  [['--txqs', '257'], `--txqs 257: ${QUEUES}`],
  [['--rxqs', '0'], `--rxqs 0: ${QUEUES}`],
  [['--rxqs', 'two'], `--rxqs two: ${QUEUES}`],
  [['--txqueuelen', '0'], `--txqueuelen 0: ${TXQUEUELEN}`],
  [['--txqueuelen', '1000001'], `--txqueuelen 1000001: ${TXQUEUELEN}`],
  [['--txqueuelen', '-5'], `--txqueuelen -5: ${TXQUEUELEN}`],

  [['snull', '--lockup', '-1'], "--lockup -1: '-1' is not a whole number of at least 0"],
  [
    ['snull', '--lockup', '99999999999999999999'],
    "--lockup 99999999999999999999: '99999999999999999999' is not a whole number from 0 to 9007199254740991",
  ],
  [['snull', '--stuck', 'x'], "--stuck x: 'x' is not a whole number of at least 0"],
  [['snull', '--timeout', '0'], "--timeout 0: '0' is not a whole number from 1 to 86400000"],
  [['snull', '--pool-size', '0'], "--pool-size 0: '0' is not a whole number from 1 to 65536"],
  [
    ['snull', '--ring-size', '65537'],
    "--ring-size 65537: '65537' is not a whole number from 1 to 65536",
  ],
  [
    ['snull', '--drop', 'RX_CRC'],
    `--drop RX_CRC: 'RX_CRC' is not REASON=N, with N from 1; reasons are ${REASONS}`,
  ],
  [
    ['snull', '--drop', 'RX=1'],
    `--drop RX=1: 'RX=1' is not REASON=N, with N from 1; reasons are ${REASONS}`,
  ],
  [['loop', '--ring-size', '0'], "--ring-size 0: '0' is not a whole number from 1 to 65536"],
  [
    ['cable', 'a', 'b', '--rx-filter-size', '4097'],
    "--rx-filter-size 4097: '4097' is not a whole number from 0 to 4096",
  ],
  [
    ['cable', 'a', 'b', '--lockup', '1'],
    "unknown option '--lockup': it is an option of vnet snull",
  ],

  [['--user', 'no such'], '--user no such: no such user; give a name that exists, or a number'],
  [['--group', 'no such'], '--group no such: no such group; give a name that exists, or a number'],

  [
    ['--txqs', '2', '--rxqs', '3'],
    'vnet%d: 2 tx and 3 rx queues: from 1 to 256, and no more receive than transmit queues',
  ],
  [
    ['--rxqs', '5'],
    'vnet%d: 4 tx and 5 rx queues: from 1 to 256, and no more receive than transmit queues',
  ],
  [['--user', 'root'], '--user and --group are for persistent interfaces: add --persist'],
  [['--group', '0'], '--user and --group are for persistent interfaces: add --persist'],
  [
    ['--capture-group', 'no such'],
    '--capture-group no such: no such group; give a name that exists, or a number',
  ],
  [
    ['--capture-group', '65534'],
    '--capture-group 65534: unknown groups have this number; name another group',
  ],
  [['--persist', '--delete'], '--delete cannot be used with --persist'],
  [MACS, '--mac is given 2 times, but the driver has one interface'],
  [
    ['snull', ...MACS, '--mac', '02:00:00:00:00:03'],
    '--mac is given 3 times, but the driver has 2 interfaces',
  ],
  [['--name', 'a', '--name', 'b'], '2 interface names, of which 1 can be used'],
  [
    ['--address', 'sn0=192.0.2.1/24'],
    "--address sn0=192.0.2.1/24: no interface is called 'sn0'; this run makes vnet%d",
  ],
  [
    ['snull', '--address', 'sn2=192.0.2.1/24'],
    "--address sn2=192.0.2.1/24: no interface is called 'sn2'; this run makes sn0 and sn1",
  ],
  [
    ['cable', 'a', 'b', '--no-offload=c'],
    "--no-offload=c: no interface is called 'c'; this run makes a and b",
  ],
  [
    ['snull', '--no-offload=sn0,', '--mtu', '9000'],
    "--no-offload=sn0,: no interface is called ''; this run makes sn0 and sn1",
  ],
  [
    ['snull', '--no-offload='],
    "--no-offload=: no interface is called ''; this run makes sn0 and sn1",
  ],
  [['cable', '--no-offload', 'a', 'a'], 'two interfaces cannot both be called a'],
  [['--offload=off'], "unknown option '--offload=off': it is on, and --no-offload turns it off"],
  [['--busy-poll', '50'], '--busy-poll 50: must be 0us to 1000ms, such as 50us or 1ms'],
  [['--busy-poll', '1001ms'], '--busy-poll 1001ms: must be 0us to 1000ms, such as 50us or 1ms'],
  [['--busy-poll', 'us'], '--busy-poll us: must be 0us to 1000ms, such as 50us or 1ms'],
  [['--step=1ms'], '--step 1ms: must be 10ms to 3600s, such as --step=500ms'],
  [['cable', '--step', 'a', 'a'], 'two interfaces cannot both be called a'],
  [['stats', '--no-offload'], "unknown option '--no-offload' (see vnet stats --help)"],

  [['list', 'sn0'], "list takes no arguments, but got 'sn0' (see vnet list --help)"],
  [['list', '--queues'], "unknown option '--queues': it is an option of vnet stats"],
  [['show'], 'show: missing argument IF (see vnet show --help)'],
  [['show', 'red/'], "'red/' is not [NETNS/]IF: a part is missing"],
  [['show', 'a', 'b'], "show takes at most 1 argument, but got 'b' (see vnet show --help)"],
  [['snull', '--wire', ''], "--wire '': must not be empty; without it, nothing is impaired"],
  [
    ['cable', 'a', 'b', '--wire-ab', ' '],
    '--wire-ab  : must not be empty; without it, nothing is impaired',
  ],
  [
    ['attach', 'eth0', '--wire-in', ''],
    "--wire-in '': must not be empty; without it, nothing is impaired",
  ],
  [['lan', 'wire='], 'wire=: must not be empty; without it, nothing is impaired'],
  [['wire', 'a', ''], "wire: a spec is empty; 'off' removes the stages"],
  [['wire', 'a', '--wire-ba', ' '], "wire: a spec is empty; 'off' removes the stages"],
  [['wire', 'a', 'loss', '5%'], "a wire spec is one argument, in quotes: 'delay 20ms loss 1%'"],
  [
    ['wire', 'a', 'off', '--watch', '1s'],
    'wire: --json and --watch show a wire, a text changes it: run the command twice',
  ],
  [['reset'], 'reset: missing argument IF (see vnet reset --help)'],
  [['reset', '/sn0'], "'/sn0' is not [NETNS/]IF: a part is missing"],
  [['ioctl', 'sn0'], 'ioctl: missing argument N (see vnet ioctl --help)'],
  [['ioctl', 'sn0', '16'], `'16': ${IOCTL}`],
  [['ioctl', 'sn0', '0x1'], `'0x1': ${IOCTL}`],
  [['ioctl', 'sn0', '0', 'abc'], "'abc': must be two hexadecimal digits a byte, such as 0a0b"],
  [['ioctl', 'sn0', '0', 'no'], "'no': must be two hexadecimal digits a byte, such as 0a0b"],
  [['carrier', 'sn0'], 'carrier: missing argument on|off (see vnet carrier --help)'],
  [['carrier', 'sn0', 'up'], "'up': must be on or off"],
  [
    ['ioctl', 'sn0', '0', '--length', '16385'],
    '--length 16385: must be a whole number from 1 to 16384',
  ],
  [
    ['trigger', 'sn0', 'stuck', '--queue', '-1'],
    '--queue -1: must be a whole number from 0 to 4294967295',
  ],
  [['events', '--drops', 'x'], '--drops x: must be a whole number from 0 to 4294967295'],
  [['stats', '--watch', '0'], `--watch 0: ${INTERVAL}`],
  [['stats', '--watch', '2'], `--watch 2: ${INTERVAL}`],
  [['stats', '--watch', '999999min'], `--watch 999999min: ${INTERVAL}`],
  [['completion', 'fish'], "'fish': must be bash or zsh"],

  [['snull', 'a', 'b', 'c'], '3 interface names, of which 2 can be used'],
  [
    ['snull', 'a', 'b', '--name', 'c'],
    'snull: name the interfaces by arguments or by --name, not by both',
  ],
  [['cable'], 'cable joins two interfaces: cable [NETNS/]IF [NETNS/]IF'],
  [['cable', 'a'], 'cable joins two interfaces: cable [NETNS/]IF [NETNS/]IF'],
  [['cable', 'a', 'b', 'c'], 'cable joins two interfaces: cable [NETNS/]IF [NETNS/]IF'],
  [['cable', 'a', 'a'], 'two interfaces cannot both be called a'],
  [
    ['cable', 'red/a', 'blue/a', '--address', 'a=192.0.2.1/24'],
    '--address a=192.0.2.1/24: which one is meant, red/a or blue/a?',
  ],
  [['cable', 'red/', 'b'], "'red/' is not [NETNS/]IF: a part is missing"],
  [['cable', '/a', 'b'], "'/a' is not [NETNS/]IF: a part is missing"],
  [
    ['cable', 'red/a', 'b:1'],
    "interface name 'b:1': 1 to 15 bytes, no / or : or white space, at most one %d",
  ],
])('vnet %j is refused in one line with exit status 2', async (args, message) => {
  const line =
    args.includes('--json') && ['completion', 'check', 'list'].some(name => args.includes(name))
      ? JSON.stringify({ event: 'error', error: message })
      : `vnet: ${message}`
  expect(await runMain(...args)).toEqual({ status: 2, stdout: '', stderr: `${line}\n` })
})
