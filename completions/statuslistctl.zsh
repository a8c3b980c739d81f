#compdef statuslistctl
# Completion of statuslistctl for zsh; installed as _statuslistctl.
_statuslistctl() {
    local -a commands common issuer redis reader options
    local command
    commands=(
        'reserve:reserve references (list URI and index)'
        'set:set a status'
        'get:read a status as the server has it stored'
        'verify:fetch the token of the list, check it, read the status'
        'inspect:show a token'
        'lint:test a server against the specification'
        'export:back up a pool into a file'
        'import:restore the lists of a backup'
    )
    common=(
        '--json[print one JSON value]'
        '--timeout[how long to wait]:seconds'
        '--cacert[trust anchors for TLS]:file:_files'
        '--client-cert[client certificate for TLS]:file:_files'
        '--client-key[its key]:file:_files'
        '(- *)--help[show help]'
        '(- *)--version[show the version]'
    )
    issuer=(
        '--server[base URL of the issuer interface]:URL'
        '(--bearer-file)--api-key-file[the API key]:file:_files'
        '(--api-key-file)--bearer-file[a JWT instead of an API key]:file:_files'
        '--insecure-http[send the credential without TLS]'
    )
    reader=(
        "--cert[the signer's certificate or public key]:file:_files"
        "--jwk[the signer's JWK or JWK set]:file:_files"
        '--anchors[trust anchors for the chain inside the token]:file:_files'
        '--signer[whose certificate it must be]:name'
        '--profile[also check what a profile of certification asks]:profile:(haip iso-mdoc)'
        '--inflate-limit[largest list to accept]:bytes'
        '--skew[how far the clock of the issuer may be off]:seconds'
    )
    redis=(
        '--redis[address of Redis]:address'
        '--redis-database[its number]:number'
        '--redis-username[who logs in]:name'
        '--redis-password-file[the password]:file:_files'
    )
    command=${words[(r)(reserve|set|get|verify|inspect|lint|export|import)]}
    case $command in
    reserve) options=($issuer $common '*:argument') ;;
    set) options=($issuer $common '*:value:(valid invalid suspended)') ;;
    get) options=($issuer $common '*:argument') ;;
    verify) options=($reader '--format[ask only for this format]:format:(jwt cwt)' $common '*:argument') ;;
    inspect) options=($reader '--format[ask only for this format]:format:(jwt cwt)' $common '*:token:_files') ;;
    lint) options=($reader $common '*:URL') ;;
    export) options=($redis $common '*:file:_files') ;;
    import)
        options=('--merge[even if Redis has lists of the backup]' '--check[only verify the checksums of the file]' $redis $common
            '*:file:_files')
        ;;
    *)
        if [[ $PREFIX == -* ]]; then
            _arguments '(- *)--help[show help]' '(- *)--version[show the version]'
        else
            _describe command commands
        fi
        return
        ;;
    esac
    _arguments "1:command:($command)" $options
}
_statuslistctl "$@"
