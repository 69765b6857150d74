# Says which process has loaded it.
module Warmed
  PID = Process.pid
end
