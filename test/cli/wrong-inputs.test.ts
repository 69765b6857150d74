/** Wrong command lines: one line that says what is wrong, and status 2, or 1 if a call failed. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { servedNets } from '#support/served-nets.ts'

const { serve, runMain } = servedNets()
/** The first words that have vnet look for running vnets, of which there is one. */
const ASKING = ['wire', 'carrier', 'stats', 'ioctl', 'reset', 'sn0', 'param', 'trigger', 'capture']

/** Below the line a wire spec is shown, with the wrong place marked. */
const ONE_LINE = /^vnet: [^\n]+\n(vnet: {3}[^\n]+\nvnet: +\^+\n)?$/
const NONE = 'no such file or directory'
/** FIFOs that nothing opens: to open one would wait for ever. */
const [FIFO, FIFO_JS] = ['fifo', 'fifo.js'].map(name => join(fileDirectory(), name)) as [
  string,
  string,
]
execFileSync('mkfifo', [FIFO, FIFO_JS])
const PIPE = /fifo(\.js)?: it is a pipe: name a regular file$/
test.each<[string[], number, string | RegExp]>([
  [['snull', '--mtu', 'banana'], 2, '--mtu banana: must be a whole number from 68 to 65521'],
  [['snull', '--mtu', '99999'], 2, '--mtu 99999: must be a whole number from 68 to 65521'],
  [['snull', '--adress', 'x'], 2, "unknown option '--adress'; did you mean '--address'?"],
  [['wire', 'sn0', 'delay'], 2, /delay/],
  [['wire', 'sn0', 'loss 150%'], 2, /150%/],
  [['wire', 'sn0', 'delay 20 ms'], 2, /20 ?ms/],
  [['wire', 'sn0', 'dealy 3ms'], 2, /did you mean 'delay'\?/],
  [['wire', 'sn0', 'loss 1% loss 2%'], 2, /loss/],
  [
    ['wire', 'sn0', 'delay', '20ms'],
    2,
    "a wire spec is one argument, in quotes: 'delay 20ms loss 1%'",
  ],
  [['wire', 'sn9'], 1, 'no interface is called sn9; there are sn0, red/sn1'],
  [['carrier', 'sn0', 'maybe'], 2, "'maybe': must be on or off"],
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
  [
    ['snull', '--netns', 'nope'],
    1,
    'nope: there is no such network namespace; `ip netns` lists those with a name',
  ],
  [['stats', 'a', 'b', 'c'], 1, 'no interface is called a or b or c; there are sn0, red/sn1'],
  [['ioctl', 'sn0', '99'], 2, "'99': must be a whole number from 0 to 15"],
  [['learn', '99-nope'], 2, /99-nope/],
  [
    ['stats', '--watch', '5parsecs'],
    2,
    '--watch 5parsecs: must be a time with its unit, such as 500ms, 1s or 2min',
  ],
  [['lan', '--hosts', '-3'], 2, /^--hosts -3: /],
  [['reset', 'lo'], 1, 'no interface is called lo; there are sn0, red/sn1'],
  [['snul'], 2, "unknown command 'snul'; did you mean 'snull'?"],
  [['sn0'], 2, 'sn0 is an interface: vnet show sn0'],
  [['snull', '--name', 'sixteen-octets-n'], 2, /^--name sixteen-octets-n: must be 1 to 15 bytes/],
  [['snull', '--address', '300.1.1.1'], 2, /^--address 300.1.1.1: must be written as/],
  [['lan', '--network', '10.0.0.0'], 2, /^network: expected an IPv4 network/],
  [['list', 'extra'], 2, "list takes no arguments, but got 'extra' (see vnet list --help)"],
  [['exec'], 2, 'exec: missing argument PROGRAM (see vnet exec --help)'],
  [['show'], 2, 'show: missing argument IF (see vnet show --help)'],
  [['web'], 2, 'web: missing argument ADDRESS (see vnet web --help)'],
  [['param', 'sn0', 'lockp=3'], 1, "no parameter 'lockp'; did you mean 'lockup'?"],
  [['param', 'sn0', 'lockup=abc'], 1, "lockup: 'abc' is not a whole number of at least 0"],
  [
    ['trigger', 'sn0', 'explode'],
    1,
    "no fault 'explode'; there are lockup, lost-interrupt, stuck, flap",
  ],
  [['simulate', 'nofile', '--wire', 'loss 1%'], 1, `nofile: ${NONE}`],
  [['replay', 'nofile', '--receive', 'a'], 1, `nofile: ${NONE}`],
  [['./nofile.js'], 1, `./nofile.js: ${NONE}`],
  [['lan', '--config', 'nofile'], 1, `nofile: ${NONE}`],
  [['snull', '--scenario', 'nofile'], 1, `nofile: ${NONE}`],
  [['wire', 'sn0', 'trace nofile'], 1, /nofile: no such file or directory/],
  [['cable', 'a', 'b', '--wire', 'trace nofile'], 1, /^--wire: nofile: no such file or directory$/],
  [['cable', 'a', 'b', '--wire', 'stage nothing'], 2, /^--wire: stage nothing: no file was loaded/],
  [['cable', 'a', 'b', '--log', 'nodir/x'], 1, `nodir/x: ${NONE}: nodir`],
  [['cable', 'a', 'b', '--scenario', '.'], 1, '.: is a directory'],
  [['cable', 'a', 'b', '--stage', 'nofile.js'], 1, /nofile\.js: no such file or directory/],
  [['snull', '--no-address', '--capture', 'nodir/a.pcapng'], 1, `nodir/a.pcapng: ${NONE}: nodir`],
  [
    ['snull', '--tls-keys', '.', '--capture', 'x.pcapng'],
    2,
    '--tls-keys .: not a file; name the one in SSLKEYLOGFILE',
  ],
  [['lan', '--config', '.'], 1, '.: is a directory'],
  [
    ['attach', 'nons/eth0'],
    1,
    'nons: there is no such network namespace; `ip netns` lists those with a name',
  ],
  [['replay', '.', '--receive', 'a'], 2, '.: it is a directory, not a capture'],
  [['simulate', '.', '--wire', 'loss 1%'], 2, '.: it is a directory, not a capture'],
  [
    ['learn', '01-drop', '--from', 'nodir'],
    1,
    'nodir is neither a directory nor an installed package',
  ],
  [['lab', 'nofile'], 1, `nofile: ${NONE}`],
  [['lab', 'nofile', '--json', '--time', 'real'], 1, `nofile: ${NONE}`],
  [['lab', 'nofile', '--json', '--time', 'virtual'], 2, '--json: only with --time real'],
  [['lab', 'check', '.'], 1, '.: is a directory'],
  [
    ['check', 'nofile'],
    1,
    "check: 'nofile' is neither an exercise nor a file; vnet learn lists them",
  ],
  [
    ['check', 'nofile', 'nodir'],
    1,
    "check: 'nofile' is neither an exercise nor a file; vnet learn lists them",
  ],
  [['check', 'ring'], 1, /^check: no ring\.js in \S*03-ring; vnet learn 03-ring writes one$/],
  [
    ['check', '--kernel', 'ring', 'no.c'],
    1,
    'check: no no.c; vnet learn --kernel 03-ring writes a skeleton',
  ],
  [['check', '--mistakes', 'nodir'], 1, 'nodir is neither a directory nor an installed package'],
  [['explore', 'nofile', '--', 'true'], 1, `nofile: ${NONE}`],
  [['explore', 'nofile.js'], 1, `nofile.js: ${NONE}`],
  [['replay', 'nofile'], 1, `nofile: ${NONE}`],
  [['extcap', '--bogus'], 2, "unknown option '--bogus' (see vnet extcap --help)"],
  [
    ['wire', 'sn0', 'ab off, ba loss 60%'],
    2,
    /^a wire spec is for both directions: give this one with --wire-ab/,
  ],
  [
    ['cable', 'a', 'b', '--wire', 'out loss 1%'],
    2,
    /: a wire spec is for both directions: .* --wire-out/,
  ],
  [['snull', '--scenario', FIFO], 2, PIPE],
  [['snull', '--log', FIFO], 2, PIPE],
  [['snull', '--stage', FIFO_JS], 2, PIPE],
  [['wire', 'sn0', `trace ${FIFO}`], 2, PIPE],
  [['lab', FIFO], 2, PIPE],
  [['lab', 'check', FIFO], 2, PIPE],
  [['explore', FIFO_JS], 2, PIPE],
  [['record', '127.0.0.1', '--out', FIFO], 2, PIPE],
  [[FIFO_JS], 2, PIPE],
  [
    ['snull', '--no-address', '--capture', FIFO],
    1,
    /fifo: nobody reads it: start its reader first, such as wireshark/,
  ],
  [
    ['capture', '--filter', 'bogus', 'a.pcapng'],
    2,
    "filter 'bogus': syntax error: 'bogus' is not a word of pcap-filter(7)",
  ],
])('vnet %j is one line with status %i', async (args, status, line) => {
  if (ASKING.includes(args[0] as string)) {
    await serve(snull, ['sn0', 'red/sn1'])
  }
  const said = await runMain(...args)
  expect(said).toEqual({ status, stdout: '', stderr: expect.stringMatching(ONE_LINE) })
  const text = said.stderr.slice('vnet: '.length, -1)
  if (typeof line === 'string') {
    expect(text).toBe(line)
  } else {
    expect(text.split('\n')[0]).toMatch(line)
  }
})
