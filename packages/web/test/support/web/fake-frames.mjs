// @ts-check
/** Frames as the server of the page decodes them, for a page without a server. */

/** @typedef {import('../../../src/feed-types.ts').FrameRow} FrameRow */
/** @typedef {Pick<FrameRow, 'length' | 'text' | 'headers' | 'bytes'>} Decoded */

/**
 * @param {string} name
 * @param {Record<string, string | number>} fields
 */
const header = (name, fields) => ({
  name,
  fields: Object.entries(fields).map(([name, value]) => ({ name, value: `${value}` })),
})

const MAC = ['00:53:4e:55:4c:30', '00:53:4e:55:4c:31']
const IP = ['198.18.0.1', '198.18.0.2']
const hexOf = (/** @type {string} */ address) => address.replaceAll(':', '')
const hexOfIp = (/** @type {string} */ address) =>
  address
    .split('.')
    .map(part => Number(part).toString(16).padStart(2, '0'))
    .join('')

/**
 * @param {number} way 0 or 1
 * @param {string} type
 * @param {number} etherType
 */
function ethernet(way, type, etherType) {
  const [from, to] = [MAC[way], MAC[1 - way]]
  const fields = {
    Destination: to,
    Source: from,
    Type: `${type} (0x${etherType.toString(16).padStart(4, '0')})`,
  }
  return {
    header: header('Ethernet', fields),
    bytes: `${hexOf(to)}${hexOf(from)}${etherType.toString(16).padStart(4, '0')}`,
  }
}

/**
 * @param {number} way
 * @param {'ICMP' | 'TCP' | 'UDP'} protocol
 * @param {number} length
 * @param {string} rest
 * @param {ReturnType<typeof header>[]} headers
 * @param {string} text
 * @returns {Decoded}
 */
function ipv4(way, protocol, length, rest, headers, text) {
  const link = ethernet(way, 'IPv4', 0x0800)
  const number = { ICMP: 1, TCP: 6, UDP: 17 }[protocol]
  const size = (length - 14).toString(16).padStart(4, '0')
  const fixed = `4500${size}1c46400040${number.toString(16).padStart(2, '0')}9a5d`
  const bytes = `${link.bytes}${fixed}${hexOfIp(IP[way])}${hexOfIp(IP[1 - way])}${rest}`
  const fields = {
    Source: IP[way],
    Destination: IP[1 - way],
    Protocol: `${protocol} (${number})`,
    TTL: 64,
    DF: 'set',
  }
  return {
    length,
    text: `IP ${text}`,
    headers: [link.header, header('IPv4', fields), ...headers],
    bytes: bytes
      .padEnd(2 * Math.min(length, 128), '1011121314151617'.repeat(16))
      .slice(0, 2 * Math.min(length, 128)),
  }
}

/**
 * @param {number} way
 * @param {number} sequence
 */
export function ping(way, sequence) {
  const kind = way === 0 ? 'request' : 'reply'
  const fields = { Type: `echo ${kind}`, Identifier: 4242, Sequence: sequence, Checksum: 'ok' }
  const rest = `${way === 0 ? '08' : '00'}00f7ff1092${sequence.toString(16).padStart(4, '0')}`
  const text = `${IP[way]} > ${IP[1 - way]}: ICMP echo ${kind}, id 4242, seq ${sequence}, length 64`
  return ipv4(way, 'ICMP', 98, rest, [header('ICMP', fields)], text)
}

/**
 * @param {number} way
 * @param {number} sequence
 */
export function tcp(way, sequence) {
  const ports = way === 0 ? [48_210, 8080] : [8080, 48_210]
  const size = way === 0 ? 1448 : 0
  const fields = {
    'Source port': ports[0],
    'Destination port': ports[1],
    Flags: 'ACK, PSH',
    Seq: sequence * 1448,
  }
  const flags = way === 0 ? '[P.]' : '[.]'
  const text = `${IP[way]}.${ports[0]} > ${IP[1 - way]}.${ports[1]}: Flags ${flags}, seq ${sequence * 1448}, length ${size}`
  return ipv4(
    way,
    'TCP',
    66 + size,
    'bc521f900000000000000000801801f6',
    [header('TCP', fields)],
    text,
  )
}

/**
 * @param {number} way
 * @param {string} name of the host that is looked up; it may be any text
 */
export function dns(way, name) {
  const fields = { 'Source port': 53_124, 'Destination port': 53, Length: 41 }
  const text = `${IP[way]}.53124 > ${IP[1 - way]}.53: 42617+ A? ${name}. (33)`
  return ipv4(
    way,
    'UDP',
    75,
    'cf8400350029',
    [header('UDP', fields), header('DNS', { Query: `A ${name}` })],
    text,
  )
}

/**
 * @param {number} way
 * @returns {Decoded}
 */
export function arp(way) {
  const link = ethernet(way, 'ARP', 0x0806)
  const fields = {
    Operation: 'request (1)',
    'Sender MAC': MAC[way],
    'Sender IP': IP[way],
    'Target IP': IP[1 - way],
  }
  return {
    length: 42,
    text: `ARP, Request who-has ${IP[1 - way]} tell ${IP[way]}, length 28`,
    headers: [link.header, header('ARP', fields)],
    bytes: `${link.bytes}0001080006040001${hexOf(MAC[way])}${hexOfIp(IP[way])}000000000000${hexOfIp(IP[1 - way])}`,
  }
}

/**
 * @param {number} way
 * @param {string} type as in `DISCOVER (1)`
 * @param {Record<string, string>} rest
 */
export function dhcp(way, type, rest) {
  const [from, to] = way === 0 ? [68, 67] : [67, 68]
  const about = {
    'Message type': type,
    'Transaction id': '0x3903f326',
    'Client MAC': '02:00:00:00:00:01',
    ...rest,
  }
  const headers = [
    header('UDP', { 'Source port': from, 'Destination port': to }),
    header('DHCP', about),
  ]
  const text = `${IP[way]}.${from} > ${IP[1 - way]}.${to}: UDP, length 300`
  return ipv4(way, 'UDP', 342, way === 0 ? '00440043013400' : '00430044013400', headers, text)
}

/**
 * The frame of this number of steady traffic.
 * @param {number} number
 * @param {number} way
 */
export function frame(number, way) {
  const kinds = [
    ping,
    tcp,
    tcp,
    (/** @type {number} */ way) => dns(way, 'www.example.com'),
    tcp,
    arp,
  ]
  return kinds[number % kinds.length](way, number)
}
