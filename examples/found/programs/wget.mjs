// wget 1.21.3: a chunked reply that ends within a chunk is a success.
import { at, fetching, inTwo } from './network.mjs'

export const promise = 'Manual page, exit status: "4 Network failure"'
// The second half of the chunk.
export const options = at('reset', 'src port 9000 and len = 77')

const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf'
export default fetching(inTwo(head, 'half\r\n0\r\n\r\n'), 'wget -qO - http://proxy/', 'halfhalf')
