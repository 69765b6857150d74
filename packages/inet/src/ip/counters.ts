/** The names of the counters that a host has in common with Linux, as nstat(8) prints them. */
import { counterNames } from './icmp-errors.ts'
import { IP4, IP6 } from './version.ts'

const ICMP = ['InMsgs', 'InErrors', 'InCsumErrors', 'OutMsgs']
const TCP = [
  ...['ActiveOpens', 'PassiveOpens', 'AttemptFails', 'EstabResets'],
  ...['InSegs', 'OutSegs', 'RetransSegs', 'InErrs', 'OutRsts', 'InCsumErrors'],
]
const TCP_EXT = [
  ...[
    'TW',
    'TWRecycled',
    'PAWSEstab',
    'DelayedACKs',
    'DelayedACKLost',
    'ListenOverflows',
    'ListenDrops',
  ],
  ...['TCPRenoRecovery', 'TCPSackRecovery', 'TCPFastRetrans', 'TCPSlowStartRetrans', 'TCPTimeouts'],
  ...['TCPSynRetrans', 'TCPLossProbes', 'TCPWinProbe', 'TCPKeepAlive', 'TCPZeroWindowDrop'],
  ...[
    'TCPAbortOnData',
    'TCPAbortOnClose',
    'TCPAbortOnTimeout',
    'TCPChallengeACK',
    'TCPMD5Unexpected',
  ],
]

const prefixed = (prefix: string, names: readonly string[]) => names.map(name => `${prefix}${name}`)

export const COUNTERS: readonly string[] = [
  ...Object.values(IP4.counters),
  ...Object.values(IP6.counters),
  ...prefixed('Icmp', ICMP),
  ...prefixed('Icmp6', ICMP),
  ...counterNames(IP4),
  ...counterNames(IP6),
  ...prefixed('Tcp', TCP),
  ...prefixed('TcpExt', TCP_EXT),
]
