# Says which process has loaded it.
package Warmed;
our $pid = $$;
1;
