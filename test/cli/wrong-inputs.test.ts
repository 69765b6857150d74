/** Wrong command lines, one of each kind; wrong-inputs.slow.test.ts has more. */
import { fifos, NONE, PIPE, testWrongInputs } from './wrong-input.ts'

const { FIFO, FIFO_JS } = fifos()

testWrongInputs([
  [['snull', '--mtu', 'banana'], 2, '--mtu banana: must be a whole number from 68 to 65521'],
  [['snull', '--adress', 'x'], 2, "unknown option '--adress'; did you mean '--address'?"],
  [['wire', 'sn0', 'dealy 3ms'], 2, /did you mean 'delay'\?/],
  [
    ['wire', 'sn0', 'delay', '20ms'],
    2,
    "a wire spec is one argument, in quotes: 'delay 20ms loss 1%'",
  ],
  [['wire', 'sn9'], 1, 'no interface is called sn9; there are sn0, red/sn1'],
  [
    ['stats', '--watch', '0'],
    2,
    '--watch 0: must be a time with its unit, such as 500ms, 1s or 2min',
  ],
  [['web', '99999'], 2, "web: '99999' is not [ADDR:]PORT"],
  [['cable', 'a'], 2, 'cable joins two interfaces: cable [NETNS/]IF [NETNS/]IF'],
  [
    ['cable', 'nons/a', 'nons/b'],
    1,
    'nons: there is no such network namespace; `ip netns` lists those with a name',
  ],
  [['ioctl', 'sn0', '99'], 2, "'99': must be a whole number from 0 to 15"],
  [['learn', '99-nope'], 2, /99-nope/],
  [['snul'], 2, "unknown command 'snul'; did you mean 'snull'?"],
  [['sn0'], 2, 'sn0 is an interface: vnet show sn0'],
  [['snull', '--name', 'sixteen-octets-n'], 2, /^--name sixteen-octets-n: must be 1 to 15 bytes/],
  [['lan', '--network', '10.0.0.0'], 2, /^network: expected an IPv4 network/],
  [['list', 'extra'], 2, "list takes no arguments, but got 'extra' (see vnet list --help)"],
  [['exec'], 2, 'exec: missing argument PROGRAM (see vnet exec --help)'],
  [['param', 'sn0', 'lockp=3'], 1, "no parameter 'lockp'; did you mean 'lockup'?"],
  [
    ['trigger', 'sn0', 'explode'],
    1,
    "no fault 'explode'; there are lockup, lost-interrupt, stuck, flap",
  ],
  [['simulate', 'nofile', '--wire', 'loss 1%'], 1, `nofile: ${NONE}`],
  [['lan', '--config', 'nofile'], 1, `nofile: ${NONE}`],
  [['cable', 'a', 'b', '--log', 'nodir/x'], 1, `nodir/x: ${NONE}: nodir`],
  [['cable', 'a', 'b', '--scenario', '.'], 1, '.: is a directory'],
  [['replay', '.', '--receive', 'a'], 2, '.: it is a directory, not a capture'],
  [
    ['wire', 'sn0', 'ab off, ba loss 60%'],
    2,
    /^a wire spec is for both directions: give this one with --wire-ab/,
  ],
  [['snull', '--scenario', FIFO], 2, PIPE],
  [[FIFO_JS], 2, PIPE],
  [
    ['capture', '--filter', 'bogus', 'a.pcapng'],
    2,
    "filter 'bogus': syntax error: 'bogus' is not a word of pcap-filter(7)",
  ],
])
