// The one program in the images of the tests: `pause` waits to be ended (with `-v`, by which kubeadm tries a job,
// it ends at once), `serve` tells the pod's name on port 8080.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		go http.ListenAndServe(":8080", http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
			name, _ := os.Hostname()
			fmt.Fprintln(answer, name)
		}))
	}
	if len(os.Args) > 2 && os.Args[2] == "-v" {
		return
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
}
