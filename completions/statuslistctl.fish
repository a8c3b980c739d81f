# Completion of statuslistctl for fish.
set -l commands reserve set get verify inspect lint export import
set -l issuers "__fish_seen_subcommand_from reserve set get"
set -l readers "__fish_seen_subcommand_from verify inspect lint"
set -l redis "__fish_seen_subcommand_from export import"
set -l any "__fish_seen_subcommand_from $commands"
complete -c statuslistctl -f
complete -c statuslistctl -n "not $any" -a reserve -d 'reserve references (list URI and index)'
complete -c statuslistctl -n "not $any" -a set -d 'set a status'
complete -c statuslistctl -n "not $any" -a get -d 'read a status as the server has it stored'
complete -c statuslistctl -n "not $any" -a verify -d 'fetch the token of the list, check it, read the status'
complete -c statuslistctl -n "not $any" -a inspect -d 'show a token'
complete -c statuslistctl -n "not $any" -a lint -d 'test a server against the specification'
complete -c statuslistctl -n "not $any" -a export -d 'back up a pool into a file'
complete -c statuslistctl -n "not $any" -a import -d 'restore the lists of a backup'
complete -c statuslistctl -n "__fish_seen_subcommand_from set" -a 'valid invalid suspended'
complete -c statuslistctl -n "__fish_seen_subcommand_from inspect export import" -F
complete -c statuslistctl -n "$issuers" -l server -x -d 'base URL of the issuer interface'
complete -c statuslistctl -n "$issuers" -l api-key-file -r -F -d 'the API key'
complete -c statuslistctl -n "$issuers" -l bearer-file -r -F -d 'a JWT instead of an API key'
complete -c statuslistctl -n "$issuers" -l insecure-http -d 'send the credential without TLS'
complete -c statuslistctl -n "$readers" -l cert -r -F -d 'the signer\'s certificate or public key'
complete -c statuslistctl -n "$readers" -l jwk -r -F -d 'the signer\'s JWK or JWK set'
complete -c statuslistctl -n "$readers" -l anchors -r -F -d 'trust anchors for the chain inside the token'
complete -c statuslistctl -n "$readers" -l signer -x -d 'whose certificate it must be'
complete -c statuslistctl -n "$readers" -l profile -x -a 'haip iso-mdoc' -d 'also check what a profile of certification asks'
complete -c statuslistctl -n "$readers" -l inflate-limit -x -d 'largest list to accept, in bytes'
complete -c statuslistctl -n "$readers" -l skew -x -d 'how far the clock of the issuer may be off'
complete -c statuslistctl -n "__fish_seen_subcommand_from verify inspect" -l format -x -a 'jwt cwt' -d 'ask only for this format'
complete -c statuslistctl -n "$redis" -l redis -x -d 'address of Redis'
complete -c statuslistctl -n "$redis" -l redis-database -x -d 'its number'
complete -c statuslistctl -n "$redis" -l redis-username -x -d 'who logs in'
complete -c statuslistctl -n "$redis" -l redis-password-file -r -F -d 'the password'
complete -c statuslistctl -n "__fish_seen_subcommand_from import" -l merge -d 'even if Redis has lists of the backup'
complete -c statuslistctl -n "__fish_seen_subcommand_from import" -l check -d 'only verify the checksums of the file'
complete -c statuslistctl -n "$any" -l cacert -r -F -d 'trust anchors for TLS'
complete -c statuslistctl -n "$any" -l client-cert -r -F -d 'client certificate for TLS'
complete -c statuslistctl -n "$any" -l client-key -r -F -d 'its key'
complete -c statuslistctl -n "$any" -l timeout -x -d 'how long to wait, in seconds'
complete -c statuslistctl -n "$any" -l json -d 'print one JSON value'
complete -c statuslistctl -l help -d 'show help'
complete -c statuslistctl -l version -d 'show the version'
