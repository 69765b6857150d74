/** Sockets of Node over a TCP and UDP in memory. */
import { testEvents } from './same-events.ts'
import { tcpPrograms } from './socket-programs/tcp.ts'
import { udpPrograms } from './socket-programs/udp.ts'

testEvents({ ...tcpPrograms, ...udpPrograms })
