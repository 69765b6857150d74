/** HTTP and TLS over sockets of Node in memory. */
import { testEvents } from './same-events.ts'
import { httpPrograms } from './socket-programs/http.ts'
import { tlsPrograms } from './socket-programs/tls.ts'

testEvents({ ...httpPrograms, ...tlsPrograms })
