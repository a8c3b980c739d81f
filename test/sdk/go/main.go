// main BASE KEY: reserves a reference, revokes it, and is refused for an index that is not there; by the package `api` that
// oapi-codegen has generated beside this file.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"statuslist.invalid/sdk/api"
)

func main() {
	base, key, ctx := os.Args[1], os.Args[2], context.Background()
	client, err := api.NewClientWithResponses(base, api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("X-Api-Key", key)
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	amount := 2
	reserved, err := client.ReserveWithResponse(ctx, "tests", &api.ReserveParams{Amount: &amount})
	if err != nil || reserved.JSON200 == nil {
		log.Fatal(err, reserved)
	}
	reference := reserved.JSON200.References[0]
	done, err := client.UpdateWithResponse(ctx, &api.UpdateParams{}, api.Update{Uri: reference.Uri, Index: reference.Index, Value: 1})
	if err != nil {
		log.Fatal(err)
	}
	refused, err := client.UpdateWithResponse(ctx, &api.UpdateParams{}, api.Update{Uri: reference.Uri, Index: 4294967295, Value: 1})
	if err != nil || refused.ApplicationproblemJSON400 == nil {
		log.Fatal(err, refused)
	}
	problem := *refused.ApplicationproblemJSON400
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"references": len(reserved.JSON200.References), "updated": done.StatusCode(),
		"version": done.HTTPResponse.Header.Get("Status-List-Version"), "status": problem.Status, "code": problem.Code})
}
