module vnet.example/lab

go 1.19
