module gostd-peer

go 1.26
