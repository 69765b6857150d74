/** A generic netlink client in Python, with plain sockets. */
import { fileURLToPath } from 'node:url'
import { PYTHON } from './python.ts'

/** The command; to be followed by the socket of a vnet with the devices one and two. */
export const GENL_CLIENT = [PYTHON, fileURLToPath(new URL('genl-client.py', import.meta.url))]

/** What it prints, as JSON. */
export const GENL_REPLIES = {
  family: 0x3f0,
  nosuch: -2,
  devices: ['one', 'two'],
  unknownAttribute: { error: -22, message: 'unknown attribute type 77', offset: 20 },
}
