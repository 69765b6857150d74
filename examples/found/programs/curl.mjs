// curl 7.88.1: a reply that ends within its head is a success without a body.
import { at, fetching, inTwo } from './network.mjs'

export const promise =
  'Manual page, exit status: "18 Partial file. Only a part of the file was transferred."'
// The second half of the head, and the body.
export const options = at('reset', 'src port 9000 and len = 85')

const answer = inTwo('HTTP/1.1 200 OK\r\nContent-Le', 'ngth: 8\r\n\r\nhalfhalf')
export default fetching(answer, 'curl -sS http://proxy/', 'halfhalf')
