// Keep-alive connections of a pool of undici: a request is executed once, and has its own reply.
import http from './http.mjs'

export { options } from './http.mjs'

export default run => http(run, 'undici-client.mjs')
